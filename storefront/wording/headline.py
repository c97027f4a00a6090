"""The first thing an order's page says: what its shopper must know now, with the day."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import TypeAlias

from storefront.domain.orders import OrderStatus
from storefront.domain.parcels import Parcel, ParcelStatus, ShipmentStatus
from storefront.domain.payments import PaymentStatus
from storefront.wording.statuses import count

Day: TypeAlias = "Callable[[date], str]"
"""Writes a day, such as ``Mon 30 Nov``."""

MESSAGE_MOST = 70
"""Characters of a carrier's message that a headline takes; a longer one is left to the history."""


@dataclass(frozen=True)
class Way:
    """A shipment as somebody reads of it. Days, ``zone`` and ``today`` are the shop's.

    ``left`` counts units that are in no parcel yet, ``handed_over`` says whether any parcel was.
    """

    status: ShipmentStatus
    parcels: tuple[Parcel, ...]
    promised_on: date
    estimated: date
    today: date
    zone: tzinfo
    day: Day
    left: int = 0
    handed_over: bool = True

    @property
    def going(self) -> tuple[Parcel, ...]:
        """The parcels that count: not those that were never sent, nor those whose units went again."""
        return tuple(p for p in self.parcels if p.status is not ParcelStatus.CANCELLED and not p.settled)

    def first(self, status: ParcelStatus) -> Parcel | None:
        """The latest news of an open parcel in a status."""
        found = [p for p in self.parcels if p.open and p.status is status]
        return max(found, key=lambda p: p.at, default=None)

    def on(self, parcel: Parcel) -> date:
        """The day of a parcel's latest news."""
        return parcel.at.astimezone(self.zone).date()

    def named(self, day: date) -> str:
        return {0: "today", 1: "tomorrow"}.get((day - self.today).days) or self.day(day)


def of_order(
    status: OrderStatus,
    payment: PaymentStatus,
    way: Way | None,
    *,
    held: bool = False,
    checking: bool = False,
) -> str:
    """The headline of an order. ``way`` is its shipment, None before there is one; ``held`` and ``checking``
    are what its view says of a pending one."""
    if status is OrderStatus.PENDING:
        return _pending(payment, held=held, checking=checking)
    if status is OrderStatus.REFUNDED:
        done = payment is PaymentStatus.REFUNDED
        return "Your money is back on its way to your card" if done else "Your money is going back"
    if way is None or status in _UNSENT:
        return _PLAIN[status]
    return of_shipment(way)


_UNSENT = frozenset({OrderStatus.PAID, OrderStatus.EXPIRED, OrderStatus.CANCELLED})
_PLAIN = {
    OrderStatus.PAID: "Paid, thank you",
    OrderStatus.PREPARING: "We’re packing your order",
    OrderStatus.SHIPPED: "On its way to you",
    OrderStatus.DELIVERED: "Delivered",
    OrderStatus.EXPIRED: "The hold ended, nothing was charged",
    OrderStatus.CANCELLED: "Cancelled, nothing was charged",
}


def _pending(payment: PaymentStatus, *, held: bool, checking: bool) -> str:
    if checking:
        return "We’re checking your payment"
    if not held:
        return "The hold has ended"
    if payment is PaymentStatus.FAILED:
        return "Your last try was declined"
    return "Held for you, waiting for payment"


def of_shipment(way: Way) -> str:
    """The headline of what is being sent: never a better state than its status tells, and the worst first."""
    return _SHIPMENTS[way.status](way)


def _several(way: Way, status: ParcelStatus, one: str, many: str) -> str:
    """``one`` of the only parcel, else how many of them are in this status: ``many`` takes "is" or "are"."""
    going = way.going
    if len(going) < 2:
        return one
    # At least one, also where the parcels were read a moment before the status.
    these = max(1, sum(p.status is status for p in going))
    which = f"{count(these).capitalize()} of {count(len(going))} parcels"
    if these == len(going):
        which = "Both parcels" if these == 2 else f"All {count(these)} parcels"
    return f"{which} " + many.format(be="is" if these == 1 else "are", its="its" if these == 1 else "their")


def _returned(way: Way) -> str:
    return _several(way, ParcelStatus.RETURNED, "On its way back to us", "{be} on {its} way back to us")


def _lost(way: Way) -> str:
    return _several(way, ParcelStatus.LOST, "Your parcel got lost on the way", "got lost on the way")


def _exception(way: Way) -> str:
    parcel = way.first(ParcelStatus.EXCEPTION)
    failed = "Couldn’t be delivered" if way.handed_over else "Couldn’t be collected from us"
    if parcel is None:
        return failed
    words = failed + (f": {_lowered(parcel.message)}" if _brief(parcel.message) else "")
    again = parcel.estimated_delivery
    if again is None or again < way.today or again <= way.on(parcel):
        return words
    return f"{words}. Next try {way.named(again)}"


def _brief(message: str) -> bool:
    return 0 < len(message.strip()) <= MESSAGE_MOST


def _lowered(message: str) -> str:
    """A carrier's sentence within ours: ``Nobody at home.`` reads ``nobody at home``."""
    text = " ".join(message.split()).rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _pickup(way: Way) -> str:
    parcel = way.first(ParcelStatus.AVAILABLE_FOR_PICKUP)
    return (
        f"Waiting for you at {parcel.place}" if parcel and parcel.place else "Waiting for you to collect it"
    )


def _out(way: Way) -> str:
    parcel = way.first(ParcelStatus.OUT_FOR_DELIVERY)
    since = way.on(parcel) if parcel else way.today
    when = "today" if since >= way.today else f"since {way.day(since)}"
    several = _several(way, ParcelStatus.OUT_FOR_DELIVERY, "", "{be} out for delivery")
    return f"{several or 'Out for delivery'} {when}"


def _delayed(way: Way) -> str:
    promised, now = way.day(way.promised_on), way.day(way.estimated)
    if way.estimated > way.promised_on and way.estimated >= way.today:
        return f"Delayed: now {now}, it was promised for {promised}"
    if way.promised_on >= way.today:
        # Its carrier named an earlier day, and that one is over.
        return f"Delayed: it was expected {now}, and is promised for {promised}"
    if not way.handed_over:
        return f"Late: it was promised for {promised} and has not left yet"
    if way.left or any(p.open and p.status is ParcelStatus.PREPARING for p in way.parcels):
        return f"Late: it was promised for {promised} and not all of it has left yet"
    return f"Late: it was promised for {promised} and is still on its way"


def _in_transit(way: Way) -> str:
    if way.estimated < way.today:
        # The day is over, and the worker is about to write that it is late.
        return _delayed(way)
    arrived = _part(way)
    if arrived:
        return f"{arrived}. Get the rest {way.named(way.estimated)}"
    return f"On its way to you. Get it {way.named(way.estimated)}"


def _part(way: Way) -> str:
    """How many parcels arrived, if any did."""
    arrived = sum(p.status is ParcelStatus.DELIVERED for p in way.going)
    if not arrived:
        return ""
    if len(way.going) == arrived:
        return "Part of your order is delivered"
    return f"{count(arrived).capitalize()} of {count(len(way.going))} parcels delivered"


def _part_delivered(way: Way) -> str:
    return _part(way) or "Part of your order is delivered"


def _delivered(way: Way) -> str:
    last = max(
        (p for p in way.parcels if p.status is ParcelStatus.DELIVERED), key=lambda p: p.at, default=None
    )
    if last is None:
        return "Delivered"
    return f"Delivered {way.named(way.on(last))}"


def _preparing(way: Way) -> str:
    if way.estimated < way.today:
        return _delayed(way)
    packed = bool(way.going) and not way.left
    words = "Packed and about to leave" if packed else "We’re packing your order"
    return f"{words}. Get it {way.named(way.estimated)}"


_SHIPMENTS: Mapping[ShipmentStatus, Callable[[Way], str]] = {
    ShipmentStatus.RETURNED: _returned,
    ShipmentStatus.LOST: _lost,
    ShipmentStatus.EXCEPTION: _exception,
    ShipmentStatus.AVAILABLE_FOR_PICKUP: _pickup,
    ShipmentStatus.OUT_FOR_DELIVERY: _out,
    ShipmentStatus.DELAYED: _delayed,
    ShipmentStatus.IN_TRANSIT: _in_transit,
    ShipmentStatus.PART_DELIVERED: _part_delivered,
    ShipmentStatus.DELIVERED: _delivered,
    ShipmentStatus.PREPARING: _preparing,
    ShipmentStatus.CANCELLED: lambda _way: "Nothing of this order will be sent",
}
