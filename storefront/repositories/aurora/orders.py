"""Orders with their payments: read, placed, and locked for a change."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from math import ceil
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import func, literal, select, tuple_, update

from storefront.domain.errors import NotFound
from storefront.domain.order_views import OrderLine, OrderRow, OrderSummary, OrderView
from storefront.domain.orders import EventKind, Order, OrderStatus
from storefront.domain.payments import Payment
from storefront.repositories.aurora import order_statements as statements
from storefront.repositories.aurora.database import Database
from storefront.repositories.aurora.order_events import OrderEvents
from storefront.repositories.aurora.prepared import Parameters, Prepared
from storefront.repositories.aurora.refunds import Refunds


class Expired(NamedTuple):
    """An order whose hold has just ended, and the cart whose units it had reserved."""

    order_id: UUID
    cart_id: UUID


class LiveHolds(NamedTuple):
    """Unpaid orders: how many, when the first hold of them ends, and the database's clock."""

    orders: int
    first_ends: datetime | None
    now: datetime

    @property
    def seconds(self) -> int:
        """Until the first of them may have ended: at least one, also while a worker ends it."""
        return max(1, ceil((self.first_ends - self.now).total_seconds())) if self.first_ends else 1


_REFUNDED = (EventKind.REFUND_DUE, EventKind.PART_REFUND_DUE)


class Orders:
    def __init__(self, db: Database) -> None:
        self._db = db

    # --- what pages show

    def view(self, order_id: UUID) -> OrderView:
        """One order with its lines and events, in three statements; in four if some of it was refunded.

        Raises:
            NotFound: there is no such order.
        """
        summary = self._summary(order_id)
        events = OrderEvents(self._db).of(order_id)
        refunded = any(event.kind in _REFUNDED for event in events)
        return OrderView(
            **summary,
            events=events,
            lines=self.lines(summary["cart_id"]),
            refunds=Refunds(self._db).of(order_id) if refunded else (),
        )

    def summary(self, order_id: UUID) -> OrderSummary:
        """One order without lines and events, in one statement.

        Raises:
            NotFound: there is no such order.
        """
        return OrderSummary(**self._summary(order_id))

    def pulse(self, order_id: UUID) -> tuple[OrderSummary, int]:
        """One order, and how many events a view of it would have, in one statement.

        Raises:
            NotFound: there is no such order.
        """
        rows = self._db.rows(statements.PULSE, {"order_id": order_id})
        if not rows:
            raise NotFound("We can't find this order")
        values = rows[0]._asdict()
        events = values.pop("events")
        return OrderSummary(**values), events

    def _summary(self, order_id: UUID) -> dict[str, Any]:
        rows = self._db.rows(statements.BY_ID, {"order_id": order_id})
        if not rows:
            raise NotFound("We can't find this order")
        return rows[0]._asdict()

    def lines(self, cart_id: UUID) -> tuple[OrderLine, ...]:
        """The lines of the order made from this cart: names and prices frozen, pictures of today."""
        rows = self._db.rows(statements.LINES, {"cart_id": cart_id})
        return tuple(OrderLine(**row._asdict()) for row in rows)

    def of_cart(self, cart_id: UUID, user_id: UUID) -> UUID | None:
        """The order that came of a shopper's cart: what a second submit is answered with."""
        rows = self._db.rows(statements.OF_CART, {"cart_id": cart_id, "user_id": user_id})
        return rows[0].order_id if rows else None

    def unpaid_of(self, user_id: UUID) -> OrderRow | None:
        """The shopper's unpaid order whose hold ends first and has not ended yet."""
        rows = self._db.rows(statements.UNPAID_OF, {"user_id": user_id})
        return OrderRow(**rows[0]._asdict()) if rows else None

    def find_number(self, number: str) -> UUID:
        """The order with this number.

        Raises:
            NotFound: there is none.
        """
        rows = self._db.rows(select(Order.order_id).where(Order.number == number))
        if not rows:
            raise NotFound(f"There is no order {number}")
        order_id: UUID = rows[0].order_id
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
        order_id: UUID = rows[0].order_id
        return order_id

    def newest(
        self, limit: int, user_id: UUID | None = None, before: OrderRow | None = None
    ) -> list[OrderRow]:
        """The newest orders first, of one shopper or of all; from the one after ``before`` on."""
        wanted = select(*statements.ROW).order_by(Order.created_at.desc(), Order.order_id.desc()).limit(limit)
        if user_id is not None:
            wanted = wanted.where(Order.user_id == user_id)
        if before is not None:
            wanted = wanted.where(
                tuple_(Order.created_at, Order.order_id) < (before.created_at, before.order_id)
            )
        return [OrderRow(**row._asdict()) for row in self._db.rows(wanted)]

    # --- placing

    def lock_shopper(self, user_id: UUID) -> LiveHolds:
        """Let one placement a shopper through at a time; what the shopper holds unpaid."""
        self._in_turn(str(user_id), 0)
        return self._live_holds(statements.HOLDS_OF_SHOPPER, {"user_id": user_id})

    def lock_address(self, placed_from: str) -> LiveHolds:
        """Let one placement an address through at a time, after ``lock_shopper``, lest two wait for each
        other; what was placed from there and is unpaid."""
        self._in_turn(placed_from, 1)
        return self._live_holds(statements.HOLDS_OF_ADDRESS, {"placed_from": placed_from})

    def _in_turn(self, name: str, kind: int) -> None:
        self._db.write(statements.IN_TURN, {"name": name, "kind": kind})

    def _live_holds(self, statement: Prepared, of: Parameters) -> LiveHolds:
        """Expiry is a change of state, never a reading of the clock."""
        (row,) = self._db.write(statement, of)
        return LiveHolds(**row._asdict())

    def reserve(self, cart_id: UUID) -> bool:
        """Take the stock of all lines of a locked cart out of everybody else's reach, or of none.

        Rows are locked in SKU order, looked at under the lock, and changed only if every line is
        satisfied: a plain conditional UPDATE over several rows deadlocks and reserves in part.
        """
        (done,) = self._db.write(statements.RESERVE, {"cart_id": cart_id})
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
        order, payment = row
        return order, payment

    def expire(self, order_ids: Iterable[UUID]) -> list[Expired]:
        """Let lapsed holds end: those still pending and past their time."""
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
            .values(status=OrderStatus.EXPIRED, placed_from=None)
            .returning(Order.order_id, Order.cart_id)
            .execution_options(synchronize_session=False)
        ).all()
        return [Expired(**row._asdict()) for row in rows]

    def now(self) -> datetime:
        """The database's clock, the only one that decides about holds."""
        now: datetime = self._db.rows(statements.NOW)[0].now
        return now
