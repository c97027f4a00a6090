"""What has happened to an order, in words for shoppers: its own events, its payment's and its carriers'."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from storefront.domain.deliveries import Tracking
from storefront.domain.order_views import Event
from storefront.domain.orders import EventKind
from storefront.domain.parcels import ParcelStatus, Settlement
from storefront.domain.payments import RefundReason
from storefront.wording import statuses
from storefront.wording.statuses import Tone


@dataclass(frozen=True)
class TimelineEntry:
    """``parcel`` says which of several it is about, as ``Parcel 2``."""

    at: datetime
    title: str
    detail: str = ""
    place: str = ""
    parcel: str = ""
    tone: Tone = "plain"


_WORDS: Mapping[EventKind, tuple[str, str, Tone]] = {
    EventKind.PLACED: ("Order placed", "Your goods are held for you while you pay.", "plain"),
    EventKind.EXTENDED: ("Hold extended", "You have one more hold period to pay.", "plain"),
    EventKind.PAYMENT_CHECKING: ("Checking your payment", "The bank's answer is not here yet.", "waiting"),
    EventKind.PAYMENT_OPEN: ("No payment yet", "Nothing was charged. You can still pay.", "plain"),
    EventKind.PAYMENT_FAILED: ("Payment declined", "", "bad"),
    EventKind.PAID: ("Payment received", "Thank you.", "good"),
    EventKind.PAID_LATE: (
        "Payment received after the hold had ended",
        "Everything was still in stock, so your order goes ahead.",
        "good",
    ),
    EventKind.EXPIRED: ("The hold ended", "Nothing was charged.", "bad"),
    EventKind.CANCELLED: ("Order cancelled", "Nothing was charged.", "bad"),
    EventKind.REORDERED: ("Put back in your cart", "", "plain"),
    EventKind.REFUND_DONE: ("Refund sent", "Banks show it within 5 to 10 days.", "good"),
    EventKind.PART_REFUND_DONE: ("Refund sent", "Banks show it within 5 to 10 days.", "good"),
    EventKind.REFUND_REFUSED: (
        "Refund needs a hand",
        "Our team has been told and will write to you.",
        "waiting",
    ),
    EventKind.DUPLICATE_CAPTURE: ("A second payment came in", "We are sending it back.", "waiting"),
    EventKind.DUPLICATE_REFUNDED: ("Second payment sent back", "", "good"),
    EventKind.ADDRESS_CHANGED: ("Address corrected", "", "plain"),
    EventKind.PREPARING: ("Being packed", "Your parcel is handed to the carrier next.", "plain"),
    EventKind.PARCEL_CANCELLED: ("Taken out of its parcel", "It did not leave like that.", "plain"),
    EventKind.DELAYED: ("Running late", "We’re sorry. The new day stands above.", "waiting"),
}


def timeline(
    events: Iterable[Event], steps: Sequence[Tracking] | None, numbers: Mapping[UUID, int]
) -> list[TimelineEntry]:
    """What concerns a shopper, newest first.

    ``steps`` are the carriers' as DynamoDB tells them; None while it is unavailable: then Aurora's are shown.
    ``numbers`` are those of the order's parcels, told only if there are several.
    """
    history = _History(numbers)
    told = [step for event in events for step in history.of(event, with_steps=steps is None)]
    told += [history.step(step) for step in steps or ()]
    return sorted(told, key=lambda entry: entry.at, reverse=True)


class _History:
    def __init__(self, numbers: Mapping[UUID, int]) -> None:
        self._numbers = numbers if len(numbers) > 1 else {}

    def of(self, event: Event, *, with_steps: bool) -> Iterator[TimelineEntry]:
        parcel = self._which(event.parcel_id)
        if event.kind is EventKind.CARRIER:
            if with_steps:
                told = event.carrier_event.report
                yield self.step(Tracking(event.at, told.status, told.place, told.message, event.parcel_id))
        elif event.kind is EventKind.PARCEL_BOOKED:
            words = statuses.PARCELS[ParcelStatus.PREPARING]
            detail = f"{event.carrier} collects it next."
            yield TimelineEntry(event.at, words.short, detail, "", parcel, words.tone)
        elif event.kind is EventKind.PARCEL_SETTLED and event.settled:
            yield TimelineEntry(event.at, *_SETTLED[event.settled], "", parcel, "plain")
        elif event.kind is EventKind.REFUND_DUE:
            yield TimelineEntry(
                event.at, "Refund on its way", RefundReason(event.reason).words, tone="waiting"
            )
        elif event.kind is EventKind.PART_REFUND_DUE:
            why = RefundReason(event.reason).words_in_part
            title = "Cancelled in part" if why else "Part of your money is going back"
            yield TimelineEntry(event.at, title, f"{why} For {event.units}.".strip(), tone="waiting")
        elif event.kind is EventKind.ADDRESS_CHANGED and event.of_the_rest:
            detail = "For what had not left yet. What was on its way goes to the address before."
            yield TimelineEntry(event.at, "Address corrected", detail)
        elif event.kind in _WORDS:
            title, detail, tone = _WORDS[event.kind]
            yield TimelineEntry(event.at, title, event.message or detail, "", parcel, tone)

    def step(self, step: Tracking) -> TimelineEntry:
        words, parcel = statuses.PARCELS[step.status], self._which(step.parcel_id)
        detail = step.message if step.message != words.short else ""
        return TimelineEntry(step.timestamp, words.short, detail, step.place, parcel, words.tone)

    def _which(self, parcel_id: UUID | None) -> str:
        number = self._numbers.get(parcel_id) if parcel_id else None
        return f"Parcel {number}" if number else ""


_SETTLED = {
    Settlement.SENT_AGAIN: ("Sent again", "What was in it is in another parcel now."),
    Settlement.REFUNDED: ("Refunded instead of sent again", ""),
    Settlement.CLOSED: ("Settled", "We have settled this parcel with you."),
}
