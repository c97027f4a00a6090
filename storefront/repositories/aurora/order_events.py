"""Order events: the timeline, the mail queue, and the memory of which messages had their effect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Interval, ScalarSelect, func, literal_column, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from storefront.domain.orders import (
    MAILED,
    MAILED_STEPS,
    REMIND_AFTER,
    Event,
    Kind,
    Order,
    OrderEvent,
)
from storefront.repositories.aurora.engine import Database


@dataclass(frozen=True)
class DueMail:
    """An event that may call for a mail, taken by this worker. ``at`` is when it happened."""

    order_id: UUID
    event_id: str
    at: datetime


class OrderEvents:
    def __init__(self, db: Database) -> None:
        self._db = db

    def record(
        self,
        order_id: UUID,
        kind: Kind,
        data: Mapping[str, Any] | None = None,
        *,
        event_id: str = "",
        at: datetime | None = None,
    ) -> bool:
        """Write what happened, in the transaction in which it happens; False if it was written before.

        ``event_id`` defaults to the kind: such a step happens once in an order's life. ``at`` is when it
        happened, now if not told by somebody else.
        """
        data = dict(data or {})
        statement = insert(OrderEvent).values(
            order_id=order_id,
            event_id=event_id or kind,
            kind=kind,
            data=data,
            at=at or func.clock_timestamp(),
            mailed_at=None if self._calls_for_mail(order_id, kind, data) else func.now(),
            mail_after=_reminder(order_id) if kind is Kind.PLACED else None,
        )
        written = self._db.session.execute(
            statement.on_conflict_do_nothing().returning(OrderEvent.event_id)
        ).one_or_none()
        return written is not None

    def of(self, order_id: UUID) -> tuple[Event, ...]:
        """An order's events, oldest first."""
        rows = self._db.rows(
            select(OrderEvent.event_id, OrderEvent.at, OrderEvent.kind, OrderEvent.data)
            .where(OrderEvent.order_id == order_id)
            .order_by(OrderEvent.at, OrderEvent.event_id)
        )
        return tuple(Event(event_id, at, Kind(kind), data) for event_id, at, kind, data in rows)

    def happened(self, order_id: UUID, kind: Kind) -> bool:
        rows = self._db.rows(
            select(OrderEvent.event_id)
            .where(OrderEvent.order_id == order_id, OrderEvent.kind == kind)
            .limit(1)
        )
        return bool(rows)

    # --- the mail queue

    def claim_mail(self, limit: int, lease: timedelta) -> list[DueMail]:
        """Take events due for mail, the oldest first, away from other workers until the lease ends.

        What is not marked by then, because the worker died, is due again.
        """
        session = self._db.session
        chosen = (
            select(OrderEvent.order_id, OrderEvent.event_id)
            .where(
                OrderEvent.mailed_at.is_(None),
                or_(OrderEvent.mail_after.is_(None), OrderEvent.mail_after <= func.now()),
            )
            .order_by(OrderEvent.at)
            .limit(limit)
            .with_for_update(skip_locked=True)
            .cte("chosen")
        )
        rows = session.execute(
            update(OrderEvent)
            .where(OrderEvent.order_id == chosen.c.order_id, OrderEvent.event_id == chosen.c.event_id)
            .values(mail_after=func.now() + lease)
            .returning(OrderEvent.order_id, OrderEvent.event_id, OrderEvent.at)
            .execution_options(synchronize_session=False)
        ).all()
        return sorted((DueMail(*row) for row in rows), key=lambda due: due.at)

    def mailed(self, due: DueMail) -> None:
        """Nothing is left to send for this event."""
        self._db.session.execute(
            update(OrderEvent)
            .where(OrderEvent.order_id == due.order_id, OrderEvent.event_id == due.event_id)
            .values(mailed_at=func.now(), mail_after=None)
            .execution_options(synchronize_session=False)
        )

    def mail_later(self, due: Iterable[DueMail], delay: timedelta) -> None:
        """Give taken events back, due again after ``delay``."""
        self._db.session.execute(
            update(OrderEvent)
            .where(
                tuple_(OrderEvent.order_id, OrderEvent.event_id).in_([(d.order_id, d.event_id) for d in due]),
                OrderEvent.mailed_at.is_(None),
            )
            .values(mail_after=func.now() + delay)
            .execution_options(synchronize_session=False)
        )

    def _calls_for_mail(self, order_id: UUID, kind: Kind, data: Mapping[str, Any]) -> bool:
        """Of a parcel's steps only the first report of each: the order's lock puts them in a row."""
        if kind is not Kind.CARRIER:
            return kind in MAILED
        if data["status"] not in MAILED_STEPS:
            return False
        return not self._db.rows(
            select(OrderEvent.event_id)
            .where(
                OrderEvent.order_id == order_id,
                OrderEvent.kind == Kind.CARRIER,
                OrderEvent.data["status"].as_string() == data["status"],
            )
            .limit(1)
        )


def _reminder(order_id: UUID) -> ScalarSelect[Any]:
    """When a shopper is reminded of a new order, unless it is paid by then."""
    third = literal_column("(orders.expires_at - orders.created_at) / 3", Interval)
    return (
        select(Order.created_at + func.least(REMIND_AFTER, third))
        .where(Order.order_id == order_id)
        .scalar_subquery()
    )
