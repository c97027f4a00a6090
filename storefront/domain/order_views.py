"""What pages, mails and commands are shown of orders, from a row of a list to all that there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple, cast
from uuid import UUID

from storefront.domain.accounts import SavedCard
from storefront.domain.addresses import PostalAddress
from storefront.domain.deliveries import Delivery
from storefront.domain.delivery_calendar import DeliveryCalendar
from storefront.domain.ids import OrderNumber
from storefront.domain.orders import BEFORE_DISPATCH, EventKind, OrderStatus
from storefront.domain.parcels import CarrierEvent, ParcelStatus, Report, Settlement, ShipmentStatus
from storefront.domain.payments import PaymentStatus, Provider
from storefront.domain.refunds import RefundStatus


@dataclass(frozen=True)
class OrderLine:
    """A line of an order, frozen when it was placed. ``refunded`` of its units are paid back, or will be."""

    sku: str
    name: str
    qty: int
    price_cents: int
    category: str
    image_url: str
    picture: str = ""
    refunded: int = 0

    @property
    def total_cents(self) -> int:
        return self.qty * self.price_cents


class PaidCard(NamedTuple):
    """The card that paid and shall be saved, with Stripe's customer that it belongs to."""

    customer: str
    card: SavedCard


@dataclass(frozen=True)
class Event:
    """Something that happened to an order. ``data`` depends on the kind: read it by what is below."""

    event_id: str
    at: datetime
    kind: EventKind
    data: Mapping[str, object]

    @property
    def reason(self) -> str:
        """Why the money goes back, or why somebody should look at the order; else nothing."""
        return self._text("reason")

    @property
    def message(self) -> str:
        """What a bank or a carrier wrote for the shopper, if anything."""
        return self._text("message")

    @property
    def nonce(self) -> str:
        """What the link of an event of the kind ``link_asked`` is made from."""
        return self._text("nonce")

    @property
    def of_the_rest(self) -> bool:
        """Whether an address was corrected after a parcel had left, and so for what had not."""
        return self.data.get("rest") is True

    @property
    def units(self) -> str:
        """What a refund in part pays back: each line's name behind its number of units."""
        lines = cast(list[dict[str, object]], self.data.get("lines", []))
        return ", ".join(f"{line['qty']} \u00d7 {line['name']}" for line in lines)

    @property
    def carrier_event(self) -> CarrierEvent:
        """What the carrier reported, of an event of the kind ``carrier``."""
        estimated = self._text("estimated_delivery")
        report = Report(
            event_id=self.event_id,
            status=ParcelStatus(self._text("status")),
            at=self.at,
            place=self._text("place"),
            message=self.message,
            estimated_delivery=date.fromisoformat(estimated) if estimated else None,
        )
        return CarrierEvent(self._text("tracking_code"), report, self._text("carrier"))

    @property
    def parcel_id(self) -> UUID | None:
        """The parcel that it is about, of a kind that is about one."""
        parcel_id = self._text("parcel_id")
        return UUID(parcel_id) if parcel_id else None

    @property
    def carrier(self) -> str:
        """The carrier of the parcel that it is about, as it was given."""
        return self._text("carrier")

    @property
    def settled(self) -> Settlement | None:
        """What became of what was in a parcel that went astray, of the kind ``parcel_settled``."""
        settled = self._text("settled")
        return Settlement(settled) if settled else None

    @property
    def card_to_save(self) -> PaidCard | None:
        """The card that paid, where the shopper asked for it to be saved."""
        kept = self.data.get("kept")
        if self.kind not in (EventKind.PAID, EventKind.PAID_LATE) or not isinstance(kept, dict):
            return None
        return PaidCard(kept["customer"], SavedCard(**kept["card"]))

    def _text(self, name: str) -> str:
        return cast(str, self.data.get(name, ""))


class RefundedLine(NamedTuple):
    """Units of a line that a refund pays back; ``restocked`` of them went back into stock."""

    sku: str
    name: str
    qty: int
    restocked: int


@dataclass(frozen=True)
class OrderRefund:
    """One refund of an order, in cents of its currency; ``at`` is when it was decided."""

    refund_id: UUID
    cents: int
    restock: bool
    status: RefundStatus
    external_ref: str | None
    at: datetime
    lines: tuple[RefundedLine, ...]

    @property
    def units(self) -> str:
        """What it pays back: each line's name behind its number of units."""
        return ", ".join(f"{line.qty} \u00d7 {line.name}" for line in self.lines)


@dataclass(frozen=True)
class OrderRow:
    """An order in a list."""

    order_id: UUID
    number: OrderNumber
    status: OrderStatus
    total_cents: int
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class CustomerOrder(OrderRow):
    """An order in its customer's list. ``delivery`` is the shipment's status and ``estimated`` its day, None
    before there is one."""

    delivery: ShipmentStatus | None
    estimated: date | None
    lines: tuple[OrderLine, ...]


@dataclass(frozen=True)
class OrderSummary(OrderRow):
    """One order as its own row and its payment's tell, in one statement.

    ``now`` is the database's clock at the reading. What hangs on its history only an ``OrderView`` can say.
    """

    user_id: UUID
    cart_id: UUID
    address: PostalAddress
    email: str
    extended_at: datetime | None
    delivery: Delivery | None
    promised_on: date | None
    payment_id: UUID
    payment_status: PaymentStatus
    provider: Provider
    external_ref: str | None
    attempt: int
    now: datetime

    @property
    def hold(self) -> timedelta:
        return (self.expires_at - self.created_at) / (2 if self.extended_at else 1)

    @property
    def held(self) -> bool:
        return self.status is OrderStatus.PENDING and self.expires_at > self.now

    @property
    def extendable(self) -> bool:
        return self.held and self.extended_at is None

    @property
    def cancellable(self) -> bool:
        return self.status is OrderStatus.PENDING or self.status in BEFORE_DISPATCH

    def estimated(self, calendar: DeliveryCalendar) -> date:
        """The day it should arrive: its shipment's or, before there is one, the promised; while it is unpaid,
        what would be promised if it were paid now."""
        if self.delivery:
            return self.delivery.estimated
        return self.promised_on or calendar.promise(self.now, self.address.country)


@dataclass(frozen=True)
class OrderView(OrderSummary):
    """All that an order's page shows from Aurora: with its history, oldest first, and its lines."""

    events: tuple[Event, ...]
    lines: tuple[OrderLine, ...]
    refunds: tuple[OrderRefund, ...] = ()
    """The oldest first."""

    @property
    def refunded_cents(self) -> int:
        """What went back, or will."""
        return sum(refund.cents for refund in self.refunds)

    @property
    def paying_back(self) -> bool:
        """Whether money of it is on its way back."""
        due = any(refund.status is RefundStatus.DUE for refund in self.refunds)
        return due or self.payment_status is PaymentStatus.REFUNDING

    @property
    def checking(self) -> bool:
        """Whether the outcome of the latest payment attempt is not known yet (invariant I13)."""
        if self.status is not OrderStatus.PENDING:
            return False
        telling = [e.kind for e in self.events if e.kind.startswith("payment_")]
        return bool(telling) and telling[-1] is EventKind.PAYMENT_CHECKING

    @property
    def restorable(self) -> bool:
        """Whether "Put these back in my cart" may be offered: it ended unpaid and was not used yet."""
        over = self.status in (OrderStatus.EXPIRED, OrderStatus.CANCELLED)
        return over and not any(e.kind is EventKind.REORDERED for e in self.events)
