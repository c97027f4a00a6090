"""A customer's orders as a whole: their list, their export, who they belong to, and their end."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import Text, func, literal, select, text, tuple_, update

from storefront.domain.addresses import PostalAddress
from storefront.domain.cart import Cart, CartItem
from storefront.domain.catalog import Product
from storefront.domain.order_views import CustomerOrder, OrderLine
from storefront.domain.orders import EventKind, Order, OrderEvent, OrderStatus
from storefront.repositories.aurora.database import Database
from storefront.repositories.aurora.order_statements import LINE

OPEN = (OrderStatus.PENDING, OrderStatus.PAID, OrderStatus.PREPARING, OrderStatus.SHIPPED)
"""Orders that still need their customer: while there is one, the account stays."""

FORGOTTEN = PostalAddress(name="", line1="", city="", zip="", country="")


# Places and messages of carriers may name people and doors. DynamoDB's steps are due to be written again.
_FORGET_STEPS = text("""
    UPDATE order_events SET data = data || '{"place": "", "message": ""}', told_at = NULL
     WHERE order_id = :order_id AND kind = 'carrier'
""")
_FORGET_PARCELS = text("""
    UPDATE parcels SET place = '', message = '', reports = coalesce((
        SELECT jsonb_object_agg(key, value || '{"place": "", "message": ""}') FROM jsonb_each(reports)
    ), '{}') WHERE order_id = :order_id
""")


class OrderEmail(NamedTuple):
    order_id: UUID
    email: str


class OldOrder(NamedTuple):
    order_id: UUID
    user_id: UUID
    created_at: datetime


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
                Order.delivery,
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
                status=row.status,
                total_cents=row.total_cents,
                created_at=row.created_at,
                expires_at=row.expires_at,
                delivery=row.delivery.status if row.delivery else None,
                estimated=row.delivery.estimated if row.delivery else None,
                lines=lines.get(row.cart_id, ()),
            )
            for row in rows
        ]

    def _lines(self, cart_ids: Iterable[UUID]) -> Mapping[UUID, tuple[OrderLine, ...]]:
        rows = self._db.rows(
            select(CartItem.cart_id, *LINE)
            .join(Product, Product.sku == CartItem.sku)
            .where(CartItem.cart_id.in_(list(cart_ids)))
            .order_by(CartItem.cart_id, CartItem.name, CartItem.sku)
        )
        found: dict[UUID, tuple[OrderLine, ...]] = {}
        for row in rows:
            line = OrderLine(
                row.sku, row.name, row.qty, row.price_cents, row.category, row.image_url, row.picture
            )
            found[row.cart_id] = (*found.get(row.cart_id, ()), line)
        return found

    def any_open(self, user_id: UUID) -> bool:
        """Whether the customer has an order that is not at its end."""
        rows = self._db.rows(
            select(Order.order_id).where(Order.user_id == user_id, Order.status.in_(OPEN)).limit(1)
        )
        return bool(rows)

    def lock_emails(self, user_id: UUID) -> list[OrderEmail]:
        """A shopper's orders and their e-mail addresses, locked in the order of their ids."""
        rows = self._db.session.execute(
            select(Order.order_id, Order.email)
            .where(Order.user_id == user_id)
            .order_by(Order.order_id)
            .with_for_update()
        ).all()
        return [OrderEmail(**row._asdict()) for row in rows]

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

    def old(self, age: timedelta, limit: int, after: tuple[datetime, UUID] | None = None) -> list[OldOrder]:
        """A batch of ended orders of at least this age that still bear personal data, the oldest first;
        ``after`` is the key of the last one before."""
        wanted = (
            select(Order.order_id, Order.user_id, Order.created_at)
            .where(Order.created_at < func.now() - age, Order.status.not_in(OPEN), Order.email != "")
            .order_by(Order.created_at, Order.order_id)
            .limit(limit)
        )
        if after is not None:
            wanted = wanted.where(tuple_(Order.created_at, Order.order_id) > after)
        return [OldOrder(row.order_id, row.user_id, row.created_at) for row in self._db.rows(wanted)]

    def scrub(self, order_ids: Collection[UUID]) -> int:
        """Take the personal data off those of these orders that ended; how many.

        E-mail, address and the link to the shopper go; what was bought for how much stays, for the books.
        A delivery is due for DynamoDB again, so that the shipment's address goes with it.
        """
        session = self._db.session
        old = session.execute(
            select(Order)
            .where(Order.order_id.in_(list(order_ids)), Order.status.not_in(OPEN), Order.email != "")
            .order_by(Order.order_id)
            .with_for_update(skip_locked=True)
        ).scalars()
        scrubbed = 0
        for order in old:
            order.email, order.address, order.user_id = "", FORGOTTEN, uuid4()
            order.redeliver()
            session.execute(
                # The token of a card that was kept with the payment.
                update(OrderEvent)
                .where(
                    OrderEvent.order_id == order.order_id,
                    OrderEvent.kind.in_((EventKind.PAID, EventKind.PAID_LATE)),
                )
                .values(data=OrderEvent.data.op("-")(literal("kept", Text)))
                .execution_options(synchronize_session=False)
            )
            session.execute(update(Cart).where(Cart.cart_id == order.cart_id).values(user_id=order.user_id))
            session.execute(_FORGET_STEPS, {"order_id": order.order_id})
            session.execute(_FORGET_PARCELS, {"order_id": order.order_id})
            scrubbed += 1
        session.flush()
        return scrubbed
