"""Carriers' events that fit no parcel yet, or more than one, kept until a booking takes them in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import delete, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from storefront.domain.parcel_records import WaitingEvent
from storefront.domain.parcels import CarrierEvent, ParcelStatus, Report, carrier_key, code_key
from storefront.repositories.aurora.database import Database

_KEY = tuple_(WaitingEvent.carrier, WaitingEvent.tracking_code, WaitingEvent.event_id)


class Unbooked(NamedTuple):
    """A code that carriers report of and nobody has booked; both as they are compared."""

    carrier: str
    tracking_code: str

    @classmethod
    def of(cls, event: CarrierEvent) -> Unbooked:
        return cls(carrier_key(event.carrier), code_key(event.tracking_code))


class CarrierInbox:
    def __init__(self, db: Database) -> None:
        self._db = db

    def keep(self, event: CarrierEvent) -> None:
        """Put an event away; the same one again changes nothing."""
        statement = insert(WaitingEvent).values(
            carrier=carrier_key(event.carrier),
            tracking_code=code_key(event.tracking_code),
            event_id=event.report.event_id,
            payload=event.as_data() | {"at": event.report.at.isoformat()},
        )
        self._db.session.execute(statement.on_conflict_do_nothing())

    def take(self, carrier: str, tracking_code: str, *, only_one: bool) -> list[CarrierEvent]:
        """Take out what waits for a parcel that is now booked; what names no carrier only if the code is
        ``only_one`` parcel's."""
        named = WaitingEvent.carrier == carrier_key(carrier)
        rows = self._db.session.execute(
            delete(WaitingEvent)
            .where(
                WaitingEvent.tracking_code == code_key(tracking_code),
                or_(named, WaitingEvent.carrier == "") if only_one else named,
            )
            .returning(WaitingEvent.event_id, WaitingEvent.payload)
            .execution_options(synchronize_session=False)
        ).all()
        return [_event(row.event_id, row.payload) for row in rows]

    def unbooked(self, age: timedelta, limit: int) -> list[Unbooked]:
        """Codes with an event that has waited for at least ``age``, each event told once."""
        waiting = (
            select(WaitingEvent.carrier, WaitingEvent.tracking_code, WaitingEvent.event_id)
            .where(WaitingEvent.received_at < func.now() - age, WaitingEvent.raised_at.is_(None))
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        rows = self._db.session.execute(
            update(WaitingEvent)
            .where(_KEY.in_(waiting))
            .values(raised_at=func.now())
            .returning(WaitingEvent.carrier, WaitingEvent.tracking_code)
            .execution_options(synchronize_session=False)
        ).all()
        return sorted({Unbooked(row.carrier, row.tracking_code) for row in rows})

    def forget(self, age: timedelta, limit: int) -> int:
        """Delete a batch of events that have waited for at least ``age``; how many."""
        old = (
            select(WaitingEvent.carrier, WaitingEvent.tracking_code, WaitingEvent.event_id)
            .where(WaitingEvent.received_at < func.now() - age)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        gone = self._db.session.execute(
            delete(WaitingEvent)
            .where(_KEY.in_(old))
            .returning(WaitingEvent.event_id)
            .execution_options(synchronize_session=False)
        )
        return len(gone.all())


def _event(event_id: str, payload: Mapping[str, str]) -> CarrierEvent:
    day = payload.get("estimated_delivery")
    report = Report(
        event_id=event_id,
        status=ParcelStatus(payload["status"]),
        at=datetime.fromisoformat(payload["at"]),
        place=payload["place"],
        message=payload["message"],
        estimated_delivery=date.fromisoformat(day) if day else None,
    )
    return CarrierEvent(payload["tracking_code"], report, payload["carrier"])
