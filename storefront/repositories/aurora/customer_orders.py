"""A customer's orders as a whole: their list, their export, who they belong to, and their end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import Text, func, literal, select, tuple_, update

from storefront.domain.cart import Cart, CartItem
from storefront.domain.catalog import Product
from storefront.domain.customers import PostalAddress
from storefront.domain.orders import Kind, Order, OrderEvent, OrderLine, OrderStatus
from storefront.repositories.aurora.engine import Database

OPEN = (OrderStatus.PENDING, OrderStatus.PAID, OrderStatus.PREPARING, OrderStatus.SHIPPED)
"""Orders that still need their customer: while there is one, the account stays."""

FORGOTTEN = PostalAddress(name="", line1="", city="", zip="", country="")


@dataclass(frozen=True)
class CustomerOrder:
    """An order in its customer's list. ``estimated`` is the shipment's day, None before there is one."""

    order_id: UUID
    number: str
    status: OrderStatus
    total_cents: int
    created_at: datetime
    expires_at: datetime
    estimated: date | None
    lines: tuple[OrderLine, ...]


class CustomerOrders:
    def __init__(self, db: Database) -> None:
        self._db = db

    def page(
        self, user_id: UUID, limit: int, before: tuple[datetime, UUID] | None = None
    ) -> list[CustomerOrder]:
        """A customer's orders, newest first, in two statements; ``before`` is the last one's key."""
        wanted = (
            select(
                Order.order_id,
                Order.number,
                Order.status,
                Order.total_cents,
                Order.created_at,
                Order.expires_at,
                Order.delivery["estimated"].as_string().label("estimated"),
                Order.cart_id,
            )
            .where(Order.user_id == user_id)
            .order_by(Order.created_at.desc(), Order.order_id.desc())
            .limit(limit)
        )
        if before is not None:
            wanted = wanted.where(tuple_(Order.created_at, Order.order_id) < before)
        rows = self._db.rows(wanted)
        lines = self._lines([row.cart_id for row in rows]) if rows else {}
        return [
            CustomerOrder(
                order_id=row.order_id,
                number=row.number,
                status=OrderStatus(row.status),
                total_cents=row.total_cents,
                created_at=row.created_at,
                expires_at=row.expires_at,
                estimated=date.fromisoformat(row.estimated) if row.estimated else None,
                lines=lines.get(row.cart_id, ()),
            )
            for row in rows
        ]

    def _lines(self, cart_ids: Iterable[UUID]) -> Mapping[UUID, tuple[OrderLine, ...]]:
        rows = self._db.rows(
            select(
                CartItem.cart_id,
                CartItem.sku,
                CartItem.name,
                CartItem.qty,
                CartItem.price_cents,
                Product.category,
                Product.image_url,
            )
            .join(Product, Product.sku == CartItem.sku)
            .where(CartItem.cart_id.in_(list(cart_ids)))
            .order_by(CartItem.cart_id, CartItem.name, CartItem.sku)
        )
        found: dict[UUID, tuple[OrderLine, ...]] = {}
        for cart_id, *line in rows:
            found[cart_id] = (*found.get(cart_id, ()), OrderLine(*line))
        return found

    def addresses(self, order_ids: Iterable[UUID]) -> Mapping[UUID, tuple[str, dict[str, str]]]:
        """E-mail and postal address of orders, for the export of a customer's data."""
        rows = self._db.rows(
            select(Order.order_id, Order.email, Order.address).where(Order.order_id.in_(list(order_ids)))
        )
        return {order_id: (email, asdict(address)) for order_id, email, address in rows}

    def any_open(self, user_id: UUID) -> bool:
        """Whether the customer has an order that is not at its end."""
        rows = self._db.rows(
            select(Order.order_id).where(Order.user_id == user_id, Order.status.in_(OPEN)).limit(1)
        )
        return bool(rows)

    def lock_emails(self, user_id: UUID) -> list[tuple[UUID, str]]:
        """A shopper's orders and their e-mail addresses, locked in the order of their ids."""
        rows = self._db.session.execute(
            select(Order.order_id, Order.email)
            .where(Order.user_id == user_id)
            .order_by(Order.order_id)
            .with_for_update()
        ).all()
        return [(row[0], row[1]) for row in rows]

    def hand_over(self, order_ids: Iterable[UUID], user_id: UUID) -> None:
        """Give locked orders, and the closed carts they came of, to another shopper id."""
        theirs = list(order_ids)
        if not theirs:
            return
        session = self._db.session
        session.execute(
            update(Order)
            .where(Order.order_id.in_(theirs))
            .values(user_id=user_id)
            .execution_options(synchronize_session=False)
        )
        session.execute(
            update(Cart)
            .where(Cart.cart_id.in_(select(Order.cart_id).where(Order.order_id.in_(theirs))))
            .values(user_id=user_id)
            .execution_options(synchronize_session=False)
        )

    def scrub(self, older_than: timedelta, limit: int) -> int:
        """Take the personal data off a batch of orders that ended and are old enough; how many.

        E-mail, address and the link to the shopper go; what was bought for how much stays, for the books.
        A delivery is due for DynamoDB again, so that the shipment's address goes with it.
        """
        session = self._db.session
        old = session.execute(
            select(Order)
            .where(
                Order.created_at < func.now() - older_than,
                Order.status.not_in(OPEN),
                Order.email != "",
            )
            .order_by(Order.created_at, Order.order_id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).scalars()
        scrubbed = 0
        for order in old:
            order.email, order.address, order.user_id = "", FORGOTTEN, uuid4()
            if order.delivery:
                version = int(order.delivery["version"]) + 1
                order.delivery = {**order.delivery, "projected": False, "version": version}
                order.claimed_until = None
            session.execute(
                # The token of a card that was kept with the payment.
                update(OrderEvent)
                .where(
                    OrderEvent.order_id == order.order_id, OrderEvent.kind.in_((Kind.PAID, Kind.PAID_LATE))
                )
                .values(data=OrderEvent.data.op("-")(literal("kept", Text)))
                .execution_options(synchronize_session=False)
            )
            session.execute(update(Cart).where(Cart.cart_id == order.cart_id).values(user_id=order.user_id))
            scrubbed += 1
        session.flush()
        return scrubbed
