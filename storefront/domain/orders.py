"""Orders: the states, the only ways between them, and what was told of each step."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from storefront.domain.addresses import PostalAddress
from storefront.domain.base import AddressColumn, Base, DeliveryColumn, EnumColumn, one_of
from storefront.domain.deliveries import Delivery
from storefront.domain.delivery_calendar import DeliveryCalendar
from storefront.domain.errors import HoldLapsed, IllegalTransition
from storefront.domain.ids import OrderNumber
from storefront.domain.money import MAX_CENTS
from storefront.domain.packing import Packing

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


_O = OrderStatus

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

SOLD = frozenset({_O.PAID, _O.PREPARING, _O.SHIPPED, _O.DELIVERED})
"""Orders whose units have left the stock, by a captured payment."""

BEFORE_DISPATCH = frozenset({_O.PAID, _O.PREPARING})

UNDELIVERED = frozenset({_O.PREPARING, _O.SHIPPED})

MOVING = frozenset({_O.PENDING, _O.PAID, _O.PREPARING, _O.SHIPPED})
"""While an order is in one of these, something can still change by itself, and its page asks again."""


class Actor(StrEnum):
    """Who changes an order by hand."""

    SHOPPER = "shopper"
    OPERATOR = "operator"


class EventKind(StrEnum):
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
    PART_REFUND_DUE = "part_refund_due"
    PART_REFUND_DONE = "part_refund_done"
    DUPLICATE_CAPTURE = "stray_capture"
    DUPLICATE_REFUNDED = "stray_refunded"
    DISPUTED = "disputed"
    ADDRESS_CHANGED = "address_changed"
    PREPARING = "preparing"
    PARCEL_BOOKED = "parcel_booked"
    PARCEL_CANCELLED = "parcel_cancelled"
    PARCEL_SETTLED = "parcel_settled"
    CARRIER = "carrier"
    DELAYED = "delayed"
    FLAGGED = "flagged"
    LINK_ASKED = "link_asked"


MAILED = frozenset(
    {
        EventKind.PLACED,
        EventKind.PAID,
        EventKind.PAID_LATE,
        EventKind.EXPIRED,
        EventKind.CANCELLED,
        EventKind.ADDRESS_CHANGED,
        EventKind.LINK_ASKED,
        EventKind.REFUND_DUE,
        EventKind.PART_REFUND_DUE,
        EventKind.DUPLICATE_CAPTURE,
        EventKind.PARCEL_BOOKED,
        EventKind.CARRIER,
        EventKind.DELAYED,
    }
)
"""Kinds that may be told by mail; every other event is born with nothing to send."""

REMIND_AFTER = timedelta(minutes=5)
"""An order still unpaid this long after it was placed is told of by mail; a third of a shorter hold."""


LINK_LIFETIME = timedelta(minutes=30)
"""How long the mailed link that lets an order be changed can be used, once."""


class Order(Base):
    __tablename__ = "orders"

    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    cart_id: Mapped[UUID] = mapped_column(ForeignKey("carts.cart_id"), unique=True)
    status: Mapped[OrderStatus] = mapped_column(EnumColumn(OrderStatus))
    total_cents: Mapped[int] = mapped_column(Integer)
    address: Mapped[PostalAddress] = mapped_column(AddressColumn)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    number: Mapped[OrderNumber] = mapped_column(Text, unique=True)
    email: Mapped[str]
    extended_at: Mapped[datetime | None]
    claimed_until: Mapped[datetime | None]
    delivery: Mapped[Delivery | None] = mapped_column(DeliveryColumn)
    promised_on: Mapped[date | None]
    placed_from: Mapped[str | None]
    """A keyed hash of the client's address, as long as the order is an unpaid hold."""

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
        Index(
            "orders_look_again_idx",
            text("(delivery ->> 'look_again')"),
            postgresql_where=text("(delivery ->> 'look_again') IS NOT NULL"),
        ),
        Index("orders_placed_from_idx", "placed_from", postgresql_where=text("placed_from IS NOT NULL")),
    )

    @property
    def hold(self) -> timedelta:
        """The hold period this order was placed with, whatever the setting is by now."""
        return (self.expires_at - self.created_at) / (2 if self.extended_at else 1)

    def move(self, to: OrderStatus) -> None:
        """Change the state along the table.

        Raises:
            IllegalTransition: if the table has no such move.
        """
        if to not in ORDER_MOVES[self.status]:
            raise IllegalTransition(f"Order {self.number} is {self.status} and can't become {to}")
        self.status = to
        self.placed_from = None

    def extend(self, now: datetime) -> None:
        """One more hold period, once, while the hold lasts. ``now`` is the database's.

        Raises:
            HoldLapsed: the hold is over or was extended before.
        """
        if self.status is not OrderStatus.PENDING or self.expires_at <= now:
            raise HoldLapsed("The hold has already ended, so it can't be extended.")
        if self.extended_at is not None:
            raise HoldLapsed("The hold was extended once already; that is the most we can do.")
        self.expires_at += self.hold
        self.extended_at = now

    def pay(self, now: datetime, calendar: DeliveryCalendar) -> None:
        """It is paid, and a day is promised: what it would be if it were paid at ``now``. It never changes.

        Raises:
            IllegalTransition: the table has no such move.
        """
        self.move(OrderStatus.PAID)
        self.promised_on = calendar.promise(now, self.address.country)

    def promised(self, calendar: DeliveryCalendar) -> date:
        """The day that was promised; before there is one, that of an order paid when it was placed.

        Older versions of the shop, which may run beside this one, keep none.
        """
        return self.promised_on or calendar.promise(self.created_at, self.address.country)

    def prepare(self, now: datetime, calendar: DeliveryCalendar, *, projected: bool) -> None:
        """The shipment is written and the order being packed; ``projected`` if DynamoDB has its address.

        Raises:
            IllegalTransition: it is not paid.
        """
        self.move(OrderStatus.PREPARING)
        # An older version of the shop, which may have taken the payment, keeps no promise.
        self.promised_on = self.promised(calendar)
        self.delivery = Delivery.first(self.promised_on, now, projected=projected)
        self.claimed_until = None

    def follow(self, packing: Packing, now: datetime, calendar: DeliveryCalendar) -> None:
        """Let status and shipment follow from the parcels (I16): the order never backwards, and no further
        once it is refunded."""
        if self.delivery is None:
            return
        promised, today = self.promised(calendar), now.astimezone(calendar.zone).date()
        self._tell(self.delivery.following(packing, promised, today))
        if self.status is OrderStatus.PREPARING and packing.handed_over:
            self.move(OrderStatus.SHIPPED)
        if self.status in UNDELIVERED and packing.delivered:
            self.move(OrderStatus.DELIVERED)

    def redeliver(self, after: int = 0) -> None:
        """Something that DynamoDB holds of the delivery has changed: it is due to be told again, as a later
        version than ``after``, too."""
        if self.delivery is not None:
            self._tell(self.delivery.again(after))

    def withdraw(self, now: datetime, calendar: DeliveryCalendar) -> None:
        """The shipment of a refunded order, written or about to be, must not go out."""
        written = self.delivery or Delivery.first(self.promised(calendar), now, projected=False)
        self._tell(written.cancelled())

    def _tell(self, delivery: Delivery) -> None:
        self.delivery = delivery
        self.claimed_until = None


class OrderEvent(Base):
    """Something that happened to an order, written in the transaction of the change it tells.

    The primary key makes every event happen once: ``event_id`` is the webhook's or carrier's own id,
    or the fixed name of a step that can only happen once. Due for mail while ``mailed_at`` is null, but not
    before ``mail_after``: its time has yet to come, a worker is sending it, or the last try failed. A
    carrier's is due for DynamoDB while ``told_at`` is null.
    """

    __tablename__ = "order_events"

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"), primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    kind: Mapped[EventKind] = mapped_column(EnumColumn(EventKind))
    data: Mapped[dict[str, object]] = mapped_column(JSONB, server_default=text("'{}'"))
    mailed_at: Mapped[datetime | None]
    mail_after: Mapped[datetime | None]
    told_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(one_of("kind", EventKind), name="kind"),
        Index("order_events_mail_idx", "at", postgresql_where=text("mailed_at IS NULL")),
        Index(
            "order_events_untold_idx",
            "order_id",
            postgresql_where=text("kind = 'carrier' AND told_at IS NULL"),
        ),
        Index("order_events_carrier_idx", "order_id", "at", postgresql_where=text("kind = 'carrier'")),
        Index("order_events_stray_idx", "order_id", postgresql_where=text("kind = 'stray_capture'")),
    )
