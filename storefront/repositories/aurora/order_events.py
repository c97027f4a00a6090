"""Order events: the timeline, the mail queue, and the memory of which messages had their effect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import (
    Interval,
    Label,
    ScalarSelect,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute

from storefront.domain.order_views import Event
from storefront.domain.orders import MAILED, REMIND_AFTER, EventKind, Order, OrderEvent
from storefront.repositories.aurora.database import Database
from storefront.repositories.aurora.prepared import Prepared
from storefront.repositories.aurora.reading import records

STEPS = 50
"""Of a parcel's steps a page shows as many."""


@dataclass(frozen=True)
class DueMail:
    """An event that may call for a mail, taken by this worker. ``at`` is when it happened."""

    order_id: UUID
    event_id: str
    at: datetime


def events_shown(order_id: InstrumentedAttribute[UUID]) -> Label[int]:
    """As ``events``: how many of an order's events ``of`` has, in a statement about orders."""
    own = select(func.count()).where(OrderEvent.order_id == order_id)
    steps = own.where(OrderEvent.kind == EventKind.CARRIER).scalar_subquery()
    others = own.where(OrderEvent.kind != EventKind.CARRIER).scalar_subquery()
    return (others + func.least(steps, STEPS)).label("events")


def _of_order() -> Prepared:
    columns = (OrderEvent.event_id, OrderEvent.at, OrderEvent.kind, OrderEvent.data)
    of_order = select(*columns).where(OrderEvent.order_id == bindparam("order_id"))
    steps = (
        of_order.where(OrderEvent.kind == EventKind.CARRIER)
        .order_by(OrderEvent.at.desc(), OrderEvent.event_id.desc())
        .limit(STEPS)
    )
    both = of_order.where(OrderEvent.kind != EventKind.CARRIER).union_all(steps).subquery()
    return Prepared(select(both).order_by(both.c.at, both.c.event_id))


_OF_ORDER = _of_order()
_RECORD_OF_EACH = Prepared("""
    INSERT INTO order_events (order_id, event_id, kind, data, at, mailed_at)
    SELECT order_id, CAST(:kind AS text), CAST(:kind AS text), '{}', clock_timestamp(),
           CASE WHEN CAST(:mailed AS boolean) THEN NULL ELSE now() END
      FROM unnest(CAST(:order_ids AS uuid[])) AS order_id
        ON CONFLICT DO NOTHING
""")


class OrderEvents:
    def __init__(self, db: Database) -> None:
        self._db = db

    def record(
        self,
        order_id: UUID,
        kind: EventKind,
        data: Mapping[str, object] | None = None,
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
            mail_after=_reminder(order_id) if kind is EventKind.PLACED else None,
        )
        written = self._db.session.execute(
            statement.on_conflict_do_nothing().returning(OrderEvent.event_id)
        ).one_or_none()
        return written is not None

    def record_of_each(self, order_ids: Sequence[UUID], kind: EventKind) -> None:
        """Write of many orders that the same happened, once in the life of each."""
        given = {"order_ids": list(order_ids), "kind": str(kind), "mailed": kind in MAILED}
        self._db.write(_RECORD_OF_EACH, given)

    def of(self, order_id: UUID) -> tuple[Event, ...]:
        """An order's events, oldest first; of a carrier's, which have no bound, the newest 50."""
        return tuple(records(Event, self._db.rows(_OF_ORDER, {"order_id": order_id})))

    def one(self, order_id: UUID, event_id: str) -> Event:
        """One event, which there is."""
        (row,) = self._db.rows(
            select(OrderEvent.event_id, OrderEvent.at, OrderEvent.kind, OrderEvent.data).where(
                OrderEvent.order_id == order_id, OrderEvent.event_id == event_id
            )
        )
        return Event(**row._asdict())

    # --- carriers' events on their way to DynamoDB

    def untold(self, order_id: UUID, limit: int) -> list[Event]:
        """Carriers' events that DynamoDB does not have yet."""
        rows = self._db.rows(
            select(OrderEvent.event_id, OrderEvent.at, OrderEvent.kind, OrderEvent.data)
            .where(
                OrderEvent.order_id == order_id,
                # Spelled as in the partial index.
                text("order_events.kind = 'carrier'"),
                OrderEvent.told_at.is_(None),
            )
            .limit(limit)
        )
        return [Event(**row._asdict()) for row in rows]

    def told(self, order_id: UUID, event_ids: Sequence[str]) -> None:
        """DynamoDB has these."""
        self._db.session.execute(
            update(OrderEvent)
            .where(OrderEvent.order_id == order_id, OrderEvent.event_id.in_(event_ids))
            .values(told_at=func.now())
            .execution_options(synchronize_session=False)
        )

    def happened(self, order_id: UUID, kind: EventKind) -> bool:
        rows = self._db.rows(
            select(OrderEvent.event_id)
            .where(OrderEvent.order_id == order_id, OrderEvent.kind == kind)
            .limit(1)
        )
        return bool(rows)

    def count(self, order_id: UUID, kind: EventKind) -> int:
        rows = self._db.rows(
            select(func.count().label("events")).where(
                OrderEvent.order_id == order_id, OrderEvent.kind == kind
            )
        )
        return int(rows[0].events)

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
        return sorted((DueMail(**row._asdict()) for row in rows), key=lambda due: due.at)

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

    def _calls_for_mail(self, order_id: UUID, kind: EventKind, data: Mapping[str, object]) -> bool:
        """Of each parcel's steps the first report of each: the order's lock puts them in a row."""
        if kind is not EventKind.CARRIER:
            return kind in MAILED
        return not self._db.rows(
            select(OrderEvent.event_id)
            .where(
                OrderEvent.order_id == order_id,
                OrderEvent.kind == EventKind.CARRIER,
                OrderEvent.data["parcel_id"].as_string() == data["parcel_id"],
                OrderEvent.data["status"].as_string() == data["status"],
            )
            .limit(1)
        )


def _reminder(order_id: UUID) -> ScalarSelect[datetime]:
    """When a shopper is reminded of a new order, unless it is paid by then."""
    third = literal_column("(orders.expires_at - orders.created_at) / 3", Interval)
    return (
        select(Order.created_at + func.least(REMIND_AFTER, third))
        .where(Order.order_id == order_id)
        .scalar_subquery()
    )
