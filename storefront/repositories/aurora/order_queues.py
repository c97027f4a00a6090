"""The queues of the worker: orders that wait for one thing, claimed by one worker at a time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, TextClause, and_, func, or_, select, text, union, update
from sqlalchemy.orm import aliased

from storefront.domain.orders import EventKind, Order, OrderEvent, OrderStatus
from storefront.domain.payments import Payment, PaymentStatus
from storefront.domain.refunds import Refund, RefundStatus
from storefront.repositories.aurora.database import Database
from storefront.repositories.aurora.prepared import Prepared

DUPLICATE_DONE = ":refunded"
"""Added to a stray capture's event id, it names the event that tells of its refund."""


_LOCK_UNASKED = Prepared("""
    SELECT orders.order_id FROM orders JOIN payments USING (order_id)
     WHERE orders.status = 'pending' AND orders.expires_at <= now()
       AND (orders.claimed_until IS NULL OR orders.claimed_until < now())
       AND payments.external_ref IS NULL
     ORDER BY orders.expires_at, orders.order_id
     LIMIT :count
       FOR UPDATE SKIP LOCKED
""")


class Claim(NamedTuple):
    """An order taken by this worker until its lease ends; ``external_ref`` is its payment's at Stripe."""

    order_id: UUID
    external_ref: str | None


class DuplicateCapture(NamedTuple):
    """A second payment of an order, told by the event ``event_id``; ``intent`` is what is to be refunded."""

    order_id: UUID
    event_id: str
    intent: str


class OrderQueues:
    def __init__(self, db: Database) -> None:
        self._db = db

    def claim_lapsed(self, limit: int, lease: timedelta) -> list[Claim]:
        """Take orders whose hold is over, with their payment's reference, away from other workers."""
        return self._claim(
            and_(Order.status == OrderStatus.PENDING, Order.expires_at <= func.now()), limit, lease
        )

    def lock_unasked(self, limit: int) -> list[UUID]:
        """Lapsed orders that have no payment object, locked with their payments: none can get one meanwhile.

        With the order's lock alone, a reference stored between the snapshot and the lock would go unseen.
        """
        return [row.order_id for row in self._db.write(_LOCK_UNASKED, {"count": limit})]

    def claim_unsettled(self, limit: int) -> list[Claim]:
        """Orders with a payment under way whose webhook may be lost, each again after a growing while.

        The lease is a quarter of the order's age, at least 10 seconds: a short hold is asked about often,
        a long one rarely. It ends with the hold, whose end must not wait for it.
        """
        lease = func.least(
            func.greatest(timedelta(seconds=10), text("(now() - orders.created_at) / 4")),
            text("orders.expires_at - now()"),
        )
        return self._claim(
            and_(
                Order.status == OrderStatus.PENDING,
                Order.expires_at > func.now(),
                Order.created_at < func.now() - timedelta(seconds=10),
                Payment.external_ref.is_not(None),
            ),
            limit,
            lease,
        )

    def claim_paid(self, limit: int, lease: timedelta) -> list[Claim]:
        """Orders that wait for their shipment to be written."""
        return self._claim(Order.status == OrderStatus.PAID, limit, lease)

    def claim_refunding(self, limit: int, lease: timedelta) -> list[Claim]:
        """Orders with money that must go back and that Stripe has not definitely refused.

        One without any refund was decided by an older version of the shop, which knew of none.
        """
        known = select(Refund.refund_id).where(Refund.order_id == Payment.order_id).exists()
        due = union(
            select(Refund.order_id).where(Refund.status == RefundStatus.DUE),
            select(Payment.order_id).where(Payment.status == PaymentStatus.REFUNDING, ~known),
        )
        return self._claim(Order.order_id.in_(due), limit, lease)

    def claim_unprojected(self, limit: int, lease: timedelta) -> list[Claim]:
        """Orders whose delivery DynamoDB does not tell as Aurora does."""
        # Spelled as in the partial index; as a boolean PostgreSQL would not use it.
        return self._claim(text("(orders.delivery ->> 'projected') = 'false'"), limit, lease)

    def to_look_at_again(self, today: date, limit: int) -> list[UUID]:
        """Orders with a day that has ended before ``today`` (the shop's) and that nobody reported of."""
        # Spelled as in the partial index.
        day = text("(orders.delivery ->> 'look_again') < :today")
        rows = self._db.rows(
            select(Order.order_id)
            .where(text("(orders.delivery ->> 'look_again') IS NOT NULL"), day)
            .order_by(text("orders.delivery ->> 'look_again'"))
            .limit(limit),
            {"today": today.isoformat()},
        )
        return [row.order_id for row in rows]

    def duplicate_captures(self, limit: int) -> list[DuplicateCapture]:
        """Second captures that are not refunded yet."""
        done = aliased(OrderEvent)
        intent = OrderEvent.data["intent"].as_string().label("intent")
        rows = self._db.rows(
            select(OrderEvent.order_id, OrderEvent.event_id, intent)
            .where(
                OrderEvent.kind == EventKind.DUPLICATE_CAPTURE,
                ~select(done.event_id)
                .where(
                    done.order_id == OrderEvent.order_id,
                    done.event_id == OrderEvent.event_id + DUPLICATE_DONE,
                )
                .exists(),
            )
            .limit(limit)
        )
        return [DuplicateCapture(**row._asdict()) for row in rows]

    def release(self, order_ids: Iterable[UUID]) -> None:
        """End claims before their lease is over."""
        self._db.session.execute(
            update(Order)
            .where(Order.order_id.in_(list(order_ids)))
            .values(claimed_until=None)
            .execution_options(synchronize_session=False)
        )

    def _claim(
        self, due: ColumnElement[bool] | TextClause, limit: int, lease: timedelta | ColumnElement[timedelta]
    ) -> list[Claim]:
        """Mark due orders as taken until the lease ends, passing over what other workers hold."""
        free = or_(Order.claimed_until.is_(None), Order.claimed_until < func.now())
        chosen = (
            select(Order.order_id)
            .join(Payment, Payment.order_id == Order.order_id)
            .where(due, free)
            .order_by(Order.expires_at, Order.order_id)
            .limit(limit)
            .with_for_update(of=Order, skip_locked=True)
            .cte("chosen")
        )
        rows = self._db.session.execute(
            update(Order)
            .where(Order.order_id == chosen.c.order_id, Payment.order_id == Order.order_id)
            .values(claimed_until=func.now() + lease)
            .returning(Order.order_id, Payment.external_ref)
            .execution_options(synchronize_session=False)
        ).all()
        return [Claim(**row._asdict()) for row in rows]
