"""An order's events in words for shoppers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from storefront.domain.deliveries import ShipmentStatus
from storefront.domain.orders import Event, Kind


@dataclass(frozen=True)
class TimelineEntry:
    """``tone`` is ``plain``, ``good``, ``waiting`` or ``bad``."""

    at: datetime
    title: str
    detail: str = ""
    place: str = ""
    tone: str = "plain"


_WORDS: dict[Kind, tuple[str, str, str]] = {
    Kind.PLACED: ("Order placed", "Your goods are held for you while you pay.", "plain"),
    Kind.EXTENDED: ("Hold extended", "You have one more hold period to pay.", "plain"),
    Kind.PAYMENT_CHECKING: ("Checking your payment", "The bank's answer is not here yet.", "waiting"),
    Kind.PAYMENT_OPEN: ("No payment yet", "Nothing was charged. You can still pay.", "plain"),
    Kind.PAYMENT_FAILED: ("Payment declined", "", "bad"),
    Kind.PAID: ("Payment received", "Thank you.", "good"),
    Kind.PAID_LATE: (
        "Payment received after the hold had ended",
        "Everything was still in stock, so your order goes ahead.",
        "good",
    ),
    Kind.EXPIRED: ("The hold ended", "Nothing was charged.", "bad"),
    Kind.CANCELLED: ("Order cancelled", "Nothing was charged.", "bad"),
    Kind.REORDERED: ("Put back in your cart", "", "plain"),
    Kind.REFUND_DONE: ("Refund sent", "Banks show it within 5 to 10 days.", "good"),
    Kind.REFUND_REFUSED: ("Refund needs a hand", "Our team has been told and will write to you.", "waiting"),
    Kind.STRAY_CAPTURE: ("A second payment came in", "We are sending it back.", "waiting"),
    Kind.STRAY_REFUNDED: ("Second payment sent back", "", "good"),
    Kind.ADDRESS_CHANGED: ("Address corrected", "", "plain"),
    Kind.PREPARING: ("Being packed", "Your parcel is handed to the carrier next.", "plain"),
}

_REFUND_REASONS = {
    "too_late": "The payment came after the hold had ended, and the goods are sold out. All of it goes back.",
    "ordered_again": "The payment came after these goods went back into your cart. All of it goes back.",
    "cancelled": "The payment came after the order was cancelled. All of it goes back.",
    "wrong_amount": "The amount paid was not the order's. All of it goes back.",
    "cancelled_by_shopper": "You cancelled before dispatch. All of it goes back.",
    "cancelled_by_operator": "We had to cancel this order. All of it goes back.",
    "operator": "All of it goes back to your card.",
}

_PARCEL = {
    ShipmentStatus.IN_TRANSIT: ("On its way", "plain"),
    ShipmentStatus.OUT_FOR_DELIVERY: ("Out for delivery", "plain"),
    ShipmentStatus.DELIVERED: ("Delivered", "good"),
    ShipmentStatus.EXCEPTION: ("Delayed", "waiting"),
    ShipmentStatus.RETURNED: ("Returned to us", "bad"),
}


def timeline(events: Iterable[Event]) -> list[TimelineEntry]:
    """The events that concern a shopper, newest first."""
    entries = [entry for entry in map(_entry, events) if entry is not None]
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def _entry(event: Event) -> TimelineEntry | None:
    if event.kind is Kind.CARRIER:
        title, tone = _PARCEL[ShipmentStatus(event.data["status"])]
        detail = event.data["message"] if event.data["message"] != title else ""
        return TimelineEntry(event.at, title, detail, event.data["place"], tone)
    if event.kind is Kind.REFUND_DUE:
        return TimelineEntry(
            event.at, "Refund on its way", _REFUND_REASONS.get(event.data["reason"], ""), tone="waiting"
        )
    if event.kind not in _WORDS:
        return None
    title, detail, tone = _WORDS[event.kind]
    return TimelineEntry(event.at, title, event.data.get("message") or detail, tone=tone)
