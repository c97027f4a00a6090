"""Orders and their payments: the states, and the only ways between them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from storefront.domain.base import AddressColumn, Base, one_of
from storefront.domain.customers import PostalAddress
from storefront.domain.deliveries import ShipmentStatus
from storefront.domain.errors import HoldLapsed, IllegalTransition
from storefront.domain.money import MAX_CENTS

MAX_LIVE_HOLDS = 3
"""Unpaid orders one shopper may hold at a time."""


class OrderStatus(StrEnum):
    PENDING = "pending"
    PAID = "paid"
    PREPARING = "preparing"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


class PaymentStatus(StrEnum):
    PENDING = "pending"
    FAILED = "failed"
    CAPTURED = "captured"
    REFUNDING = "refunding"
    REFUNDED = "refunded"


class Provider(StrEnum):
    STRIPE = "stripe"
    NONE = "none"


_O, _P = OrderStatus, PaymentStatus

ORDER_MOVES: dict[OrderStatus, frozenset[OrderStatus]] = {
    _O.PENDING: frozenset({_O.PAID, _O.EXPIRED, _O.CANCELLED, _O.REFUNDED}),
    _O.EXPIRED: frozenset({_O.PAID, _O.REFUNDED}),
    _O.CANCELLED: frozenset({_O.REFUNDED}),
    _O.PAID: frozenset({_O.PREPARING, _O.REFUNDED}),
    _O.PREPARING: frozenset({_O.SHIPPED, _O.DELIVERED, _O.REFUNDED}),
    _O.SHIPPED: frozenset({_O.DELIVERED, _O.REFUNDED}),
    _O.DELIVERED: frozenset({_O.REFUNDED}),
    _O.REFUNDED: frozenset(),
}

PAYMENT_MOVES: dict[PaymentStatus, frozenset[PaymentStatus]] = {
    _P.PENDING: frozenset({_P.FAILED, _P.CAPTURED, _P.REFUNDING}),
    _P.FAILED: frozenset({_P.PENDING, _P.CAPTURED, _P.REFUNDING}),
    _P.CAPTURED: frozenset({_P.REFUNDING}),
    _P.REFUNDING: frozenset({_P.REFUNDED}),
    _P.REFUNDED: frozenset(),
}

SOLD = frozenset({_O.PAID, _O.PREPARING, _O.SHIPPED, _O.DELIVERED})
"""Orders whose units have left the stock, by a captured payment."""

BEFORE_DISPATCH = frozenset({_O.PAID, _O.PREPARING})

MOVING = frozenset({_O.PENDING, _O.PAID, _O.PREPARING, _O.SHIPPED})
"""While an order is in one of these, something can still change by itself, and its page asks again."""


class Kind(StrEnum):
    """What an order event tells; the words for shoppers are in the templates."""

    PLACED = "placed"
    EXTENDED = "extended"
    PAYMENT_STARTED = "payment_started"
    PAYMENT_CHECKING = "payment_checking"
    PAYMENT_OPEN = "payment_open"
    PAYMENT_FAILED = "payment_failed"
    PAID = "paid"
    PAID_LATE = "paid_late"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REORDERED = "reordered"
    REFUND_DUE = "refund_due"
    REFUND_DONE = "refund_done"
    REFUND_REFUSED = "refund_refused"
    STRAY_CAPTURE = "stray_capture"
    STRAY_REFUNDED = "stray_refunded"
    DISPUTED = "disputed"
    ADDRESS_CHANGED = "address_changed"
    PREPARING = "preparing"
    CARRIER = "carrier"
    FLAGGED = "flagged"


MAILED = frozenset(
    {Kind.PLACED, Kind.PAID, Kind.PAID_LATE, Kind.REFUND_DUE, Kind.STRAY_CAPTURE, Kind.CARRIER}
)
"""Kinds that may be told by mail; every other event is born with nothing to send."""

MAILED_STEPS = frozenset({ShipmentStatus.IN_TRANSIT, ShipmentStatus.DELIVERED})
"""Steps of a parcel that are told by mail, each the first time that it is reported."""

REMIND_AFTER = timedelta(minutes=5)
"""An order still unpaid this long after it was placed is told of by mail; a third of a shorter hold."""


class Order(Base):
    __tablename__ = "orders"

    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    cart_id: Mapped[UUID] = mapped_column(ForeignKey("carts.cart_id"), unique=True)
    status: Mapped[str]
    total_cents: Mapped[int] = mapped_column(Integer)
    address: Mapped[PostalAddress] = mapped_column(AddressColumn)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    number: Mapped[str] = mapped_column(unique=True)
    email: Mapped[str]
    extended_at: Mapped[datetime | None]
    claimed_until: Mapped[datetime | None]
    delivery: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))

    __table_args__ = (
        CheckConstraint(one_of("status", OrderStatus), name="status"),
        CheckConstraint(f"total_cents BETWEEN 0 AND {MAX_CENTS}", name="total"),
        CheckConstraint("number ~ '^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$'", name="number"),
        CheckConstraint("expires_at > created_at", name="expiry"),
        Index("orders_user_idx", "user_id", "created_at", "order_id"),
        Index("orders_created_idx", "created_at", "order_id"),
        # The queues of the worker: each holds the orders waiting for one thing, and no others.
        Index("orders_lapsing_idx", "expires_at", postgresql_where=text("status = 'pending'")),
        Index(
            "orders_moving_idx", "status", postgresql_where=text("status IN ('paid', 'preparing', 'shipped')")
        ),
        Index(
            "orders_unprojected_idx",
            "order_id",
            postgresql_where=text("(delivery ->> 'projected') = 'false'"),
        ),
    )

    @property
    def state(self) -> OrderStatus:
        return OrderStatus(self.status)

    @property
    def hold(self) -> timedelta:
        """The hold period this order was placed with, whatever the setting is by now."""
        return (self.expires_at - self.created_at) / (2 if self.extended_at else 1)

    def move(self, to: OrderStatus) -> None:
        """Change the state along the table.

        Raises:
            IllegalTransition: if the table has no such move.
        """
        if to not in ORDER_MOVES[self.state]:
            raise IllegalTransition(f"Order {self.number} is {self.status} and can't become {to}")
        self.status = to

    def extend(self, now: datetime) -> None:
        """One more hold period, once, while the hold lasts. ``now`` is the database's.

        Raises:
            HoldLapsed: the hold is over or was extended before.
        """
        if self.state is not OrderStatus.PENDING or self.expires_at <= now:
            raise HoldLapsed("The hold has already ended, so it can't be extended.")
        if self.extended_at is not None:
            raise HoldLapsed("The hold was extended once already; that is the most we can do.")
        self.expires_at += self.hold
        self.extended_at = now


class Payment(Base):
    __tablename__ = "payments"

    payment_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"), unique=True)
    status: Mapped[str]
    provider: Mapped[str]
    external_ref: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    attempt: Mapped[int] = mapped_column(Integer, server_default="1")

    __table_args__ = (
        CheckConstraint(one_of("status", PaymentStatus), name="status"),
        CheckConstraint(one_of("provider", Provider), name="provider"),
        CheckConstraint("attempt >= 1", name="attempt"),
        UniqueConstraint("provider", "external_ref"),
        Index("payments_refunding_idx", "order_id", postgresql_where=text("status = 'refunding'")),
    )

    @property
    def state(self) -> PaymentStatus:
        return PaymentStatus(self.status)

    def move(self, to: PaymentStatus) -> None:
        """Change the state along the table.

        Raises:
            IllegalTransition: if the table has no such move.
        """
        if to not in PAYMENT_MOVES[self.state]:
            raise IllegalTransition(f"Payment {self.payment_id} is {self.status} and can't become {to}")
        self.status = to


class OrderEvent(Base):
    """Something that happened to an order, written in the transaction of the change it tells.

    The primary key makes every event happen once: ``event_id`` is the webhook's or carrier's own id,
    or the fixed name of a step that can only happen once. Due for mail while ``mailed_at`` is null, but not
    before ``mail_after``: its time has yet to come, a worker is sending it, or the last try failed.
    """

    __tablename__ = "order_events"

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"), primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    kind: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'"))
    mailed_at: Mapped[datetime | None]
    mail_after: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(one_of("kind", Kind), name="kind"),
        Index("order_events_mail_idx", "at", postgresql_where=text("mailed_at IS NULL")),
        Index("order_events_stray_idx", "order_id", postgresql_where=text("kind = 'stray_capture'")),
    )


@dataclass(frozen=True)
class OrderLine:
    """A line of an order, frozen when it was placed."""

    sku: str
    name: str
    qty: int
    price_cents: int
    category: str
    image_url: str

    @property
    def total_cents(self) -> int:
        return self.qty * self.price_cents


@dataclass(frozen=True)
class Event:
    event_id: str
    at: datetime
    kind: Kind
    data: dict[str, Any]


@dataclass(frozen=True)
class OrderView:
    """All that an order's page shows from Aurora. ``now`` is the database's clock at the reading."""

    order_id: UUID
    user_id: UUID
    cart_id: UUID
    number: str
    status: OrderStatus
    total_cents: int
    address: PostalAddress
    email: str
    created_at: datetime
    expires_at: datetime
    extended_at: datetime | None
    delivery: dict[str, Any] | None
    payment_id: UUID
    payment_status: PaymentStatus
    provider: Provider
    external_ref: str | None
    attempt: int
    now: datetime
    events: tuple[Event, ...] = ()
    lines: tuple[OrderLine, ...] = ()

    @property
    def hold(self) -> timedelta:
        return (self.expires_at - self.created_at) / (2 if self.extended_at else 1)

    @property
    def held(self) -> bool:
        return self.status is OrderStatus.PENDING and self.expires_at > self.now

    @property
    def checking(self) -> bool:
        """Whether the outcome of the latest payment attempt is not known yet (invariant I13)."""
        if self.status is not OrderStatus.PENDING:
            return False
        telling = [e.kind for e in self.events if e.kind.startswith("payment_")]
        return bool(telling) and telling[-1] is Kind.PAYMENT_CHECKING

    @property
    def extendable(self) -> bool:
        return self.held and self.extended_at is None

    @property
    def cancellable(self) -> bool:
        return self.status is OrderStatus.PENDING or self.status in BEFORE_DISPATCH

    @property
    def restorable(self) -> bool:
        """Whether "Put these back in my cart" may be offered: it ended unpaid and was not used yet."""
        over = self.status in (OrderStatus.EXPIRED, OrderStatus.CANCELLED)
        return over and not any(e.kind is Kind.REORDERED for e in self.events)

    @property
    def moving(self) -> bool:
        return self.status in MOVING or self.payment_status is PaymentStatus.REFUNDING
