"""Orders with their payments, and the queues the worker takes from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, TextClause, and_, func, literal, or_, select, text, tuple_, update
from sqlalchemy.orm import aliased

from storefront.domain.cart import CartItem
from storefront.domain.catalog import Product
from storefront.domain.errors import NotFound
from storefront.domain.orders import (
    Kind,
    Order,
    OrderEvent,
    OrderLine,
    OrderStatus,
    OrderView,
    Payment,
    PaymentStatus,
    Provider,
)
from storefront.repositories.aurora.engine import Database
from storefront.repositories.aurora.order_events import OrderEvents

STRAY_DONE = ":refunded"
"""Added to a stray capture's event id, it names the event that tells of its refund."""


@dataclass(frozen=True)
class OrderRow:
    """An order in a list."""

    order_id: UUID
    number: str
    status: OrderStatus
    total_cents: int
    created_at: datetime
    expires_at: datetime


_ROW = (Order.order_id, Order.number, Order.status, Order.total_cents, Order.created_at, Order.expires_at)

_VIEW = select(
    Order.order_id,
    Order.user_id,
    Order.cart_id,
    Order.number,
    Order.status,
    Order.total_cents,
    Order.address,
    Order.email,
    Order.created_at,
    Order.expires_at,
    Order.extended_at,
    Order.delivery,
    Payment.payment_id,
    Payment.status.label("payment_status"),
    Payment.provider,
    Payment.external_ref,
    Payment.attempt,
    func.clock_timestamp().label("now"),
).join(Payment, Payment.order_id == Order.order_id)


class Orders:
    def __init__(self, db: Database) -> None:
        self._db = db

    # --- what pages show

    def view(self, order_id: UUID) -> OrderView:
        """One order with its lines and events, in three statements.

        Raises:
            NotFound: there is no such order.
        """
        view = self.head(order_id)
        return OrderView(
            **{
                **view.__dict__,
                "events": OrderEvents(self._db).of(order_id),
                "lines": self.lines(view.cart_id),
            }
        )

    def head(self, order_id: UUID) -> OrderView:
        """One order without lines and events, in one statement.

        Raises:
            NotFound: there is no such order.
        """
        rows = self._db.rows(_VIEW.where(Order.order_id == order_id))
        if not rows:
            raise NotFound("We can't find this order")
        values = dict(rows[0]._mapping)
        values["status"] = OrderStatus(values["status"])
        values["payment_status"] = PaymentStatus(values["payment_status"])
        values["provider"] = Provider(values["provider"])
        return OrderView(**values)

    def lines(self, cart_id: UUID) -> tuple[OrderLine, ...]:
        """The lines of the order made from this cart: names and prices frozen, pictures of today."""
        rows = self._db.rows(
            select(
                CartItem.sku,
                CartItem.name,
                CartItem.qty,
                CartItem.price_cents,
                Product.category,
                Product.image_url,
            )
            .join(Product, Product.sku == CartItem.sku)
            .where(CartItem.cart_id == cart_id)
            .order_by(CartItem.name, CartItem.sku)
        )
        return tuple(OrderLine(*row) for row in rows)

    def of_cart(self, cart_id: UUID, user_id: UUID) -> UUID | None:
        """The order that came of a shopper's cart: what a second submit is answered with."""
        rows = self._db.rows(select(Order.order_id).where(Order.cart_id == cart_id, Order.user_id == user_id))
        return rows[0][0] if rows else None

    def unpaid_of(self, user_id: UUID) -> OrderRow | None:
        """The shopper's unpaid order whose hold ends first and has not ended yet."""
        rows = self._db.rows(
            select(*_ROW)
            .where(
                Order.user_id == user_id,
                Order.status == OrderStatus.PENDING,
                Order.expires_at > func.now(),
            )
            .order_by(Order.expires_at)
            .limit(1)
        )
        return _row(rows[0]) if rows else None

    def find_number(self, number: str) -> UUID:
        """The order with this number.

        Raises:
            NotFound: there is none.
        """
        rows = self._db.rows(select(Order.order_id).where(Order.number == number))
        if not rows:
            raise NotFound(f"There is no order {number}")
        order_id: UUID = rows[0][0]
        return order_id

    def find(self, number: str, email: str) -> UUID:
        """The order with this number, for who knows its e-mail address (without regard to case).

        Raises:
            NotFound: there is none, or it has another address.
        """
        rows = self._db.rows(
            select(Order.order_id).where(
                Order.number == number, func.lower(Order.email) == func.lower(literal(email))
            )
        )
        if not rows:
            raise NotFound("No order has this number and this e-mail address")
        order_id: UUID = rows[0][0]
        return order_id

    def newest(
        self, limit: int, user_id: UUID | None = None, before: OrderRow | None = None
    ) -> list[OrderRow]:
        """The newest orders first, of one shopper or of all; from the one after ``before`` on."""
        wanted = select(*_ROW).order_by(Order.created_at.desc(), Order.order_id.desc()).limit(limit)
        if user_id is not None:
            wanted = wanted.where(Order.user_id == user_id)
        if before is not None:
            wanted = wanted.where(
                tuple_(Order.created_at, Order.order_id) < (before.created_at, before.order_id)
            )
        return [_row(row) for row in self._db.rows(wanted)]

    # --- placing

    def lock_shopper(self, user_id: UUID) -> int:
        """Let one placement a shopper through at a time; how many live holds the shopper has."""
        session = self._db.session
        session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(str(user_id), literal(0)))))
        return session.execute(
            select(func.count()).where(Order.user_id == user_id, Order.status == OrderStatus.PENDING)
        ).scalar_one()

    def reserve(self, cart_id: UUID) -> bool:
        """Take the stock of all lines of a locked cart out of everybody else's reach, or of none.

        Rows are locked in SKU order, looked at under the lock, and changed only if every line is
        satisfied: a plain conditional UPDATE over several rows deadlocks and reserves in part.
        """
        done = self._db.session.execute(
            text("""
                WITH locked AS MATERIALIZED (
                    SELECT s.sku, i.qty, s.quantity - s.reserved >= i.qty AS ok
                      FROM stock s JOIN cart_items i ON i.sku = s.sku AND i.cart_id = :cart_id
                     ORDER BY s.sku COLLATE "C"
                       FOR UPDATE OF s
                ), taken AS (
                    UPDATE stock SET reserved = stock.reserved + locked.qty FROM locked
                     WHERE stock.sku = locked.sku AND (SELECT bool_and(ok) FROM locked)
                    RETURNING stock.sku
                )
                SELECT (SELECT count(*) FROM taken) AS taken,
                       (SELECT count(*) FROM cart_items WHERE cart_id = :cart_id) AS wanted
            """),
            {"cart_id": cart_id},
        ).one()
        return bool(done.taken == done.wanted and done.wanted > 0)

    def insert(self, order: Order, payment: Payment, hold: timedelta) -> None:
        """Write a new order and its payment; the hold ends ``hold`` from the database's now."""
        session = self._db.session
        order.expires_at = func.now() + hold
        session.add(order)
        session.flush()
        session.add(payment)
        session.flush()

    # --- changing

    def lock(self, order_id: UUID) -> tuple[Order, Payment]:
        """An order and its payment, locked and fresh.

        Raises:
            NotFound: there is no such order.
        """
        row = self._db.session.execute(
            select(Order, Payment)
            .join(Payment, Payment.order_id == Order.order_id)
            .where(Order.order_id == order_id)
            .with_for_update()
            # A row loaded before the lock would otherwise stay as it was then.
            .execution_options(populate_existing=True)
        ).one_or_none()
        if row is None:
            raise NotFound("We can't find this order")
        return row[0], row[1]

    def now(self) -> datetime:
        """The database's clock, the only one that decides about holds."""
        return self._db.rows(select(func.clock_timestamp()))[0][0]  # type: ignore[no-any-return]

    # --- the worker's queues

    def claim_lapsed(self, limit: int, lease: timedelta) -> list[tuple[UUID, str | None]]:
        """Take orders whose hold is over, with their payment's reference, away from other workers."""
        return self._claim(
            and_(Order.status == OrderStatus.PENDING, Order.expires_at <= func.now()), limit, lease
        )

    def claim_unsettled(self, limit: int) -> list[tuple[UUID, str | None]]:
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

    def claim_paid(self, limit: int, lease: timedelta) -> list[tuple[UUID, str | None]]:
        """Orders that wait for their shipment to be written."""
        return self._claim(Order.status == OrderStatus.PAID, limit, lease)

    def claim_refunding(self, limit: int, lease: timedelta) -> list[tuple[UUID, str | None]]:
        """Orders whose money must go back and that Stripe has not definitely refused."""
        refused = (
            select(OrderEvent.event_id)
            .where(OrderEvent.order_id == Order.order_id, OrderEvent.kind == Kind.REFUND_REFUSED)
            .exists()
        )
        return self._claim(and_(Payment.status == PaymentStatus.REFUNDING, ~refused), limit, lease)

    def claim_unprojected(self, limit: int, lease: timedelta) -> list[tuple[UUID, str | None]]:
        """Orders whose delivery DynamoDB does not tell as Aurora does."""
        # Spelled as in the partial index; as a boolean PostgreSQL would not use it.
        return self._claim(text("(orders.delivery ->> 'projected') = 'false'"), limit, lease)

    def strays(self, limit: int) -> Sequence[tuple[UUID, str, str]]:
        """Second captures that are not refunded yet: order, event id and the intent to refund."""
        done = aliased(OrderEvent)
        rows = self._db.rows(
            select(OrderEvent.order_id, OrderEvent.event_id, OrderEvent.data["intent"].as_string())
            .where(
                OrderEvent.kind == Kind.STRAY_CAPTURE,
                ~select(done.event_id)
                .where(
                    done.order_id == OrderEvent.order_id,
                    done.event_id == OrderEvent.event_id + STRAY_DONE,
                )
                .exists(),
            )
            .limit(limit)
        )
        return [(row[0], row[1], row[2]) for row in rows]

    def unclaim(self, order_ids: Iterable[UUID]) -> None:
        """Give claimed orders back before their lease is over."""
        self._db.session.execute(
            update(Order)
            .where(Order.order_id.in_(list(order_ids)))
            .values(claimed_until=None)
            .execution_options(synchronize_session=False)
        )

    def expire(self, order_ids: Iterable[UUID]) -> list[tuple[UUID, UUID]]:
        """Let lapsed holds end: those still pending and past their time. Their orders and carts."""
        wanted = (
            select(Order.order_id)
            .where(
                Order.order_id.in_(list(order_ids)),
                Order.status == OrderStatus.PENDING,
                Order.expires_at <= func.now(),
            )
            .order_by(Order.order_id)
            .with_for_update()
            .cte("wanted")
        )
        rows = self._db.session.execute(
            update(Order)
            .where(Order.order_id.in_(select(wanted.c.order_id)))
            .values(status=OrderStatus.EXPIRED)
            .returning(Order.order_id, Order.cart_id)
            .execution_options(synchronize_session=False)
        ).all()
        return [(row[0], row[1]) for row in rows]

    def next_lapse(self) -> datetime | None:
        """When the next hold ends."""
        rows = self._db.rows(select(func.min(Order.expires_at)).where(Order.status == OrderStatus.PENDING))
        value: datetime | None = rows[0][0]
        return value

    def _claim(
        self, due: ColumnElement[bool] | TextClause, limit: int, lease: Any
    ) -> list[tuple[UUID, str | None]]:
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
        return [(row[0], row[1]) for row in rows]


def _row(row: Any) -> OrderRow:
    return OrderRow(row[0], row[1], OrderStatus(row[2]), *row[3:])
