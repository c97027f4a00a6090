"""Which mail an event of an order calls for as things stand, and what is said in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from storefront.config import Settings
from storefront.domain.order_views import Event, OrderView
from storefront.domain.orders import LINK_LIFETIME, SOLD, EventKind, OrderStatus
from storefront.domain.packing import Packing
from storefront.domain.parcels import Ordered, Parcel, ParcelStatus, ShipmentStatus
from storefront.formats import Formats
from storefront.links import ChangeLinks, OrderLinks
from storefront.mail.structured import order_data, parcel_data
from storefront.wording.headline import Way, of_shipment
from storefront.wording.parcel_news import parcel_news

GOING = SOLD | {OrderStatus.PENDING}
_ENDS = {
    EventKind.EXPIRED: (OrderStatus.EXPIRED, "hold_ended"),
    EventKind.CANCELLED: (OrderStatus.CANCELLED, "cancelled"),
}
_CONFIRMATIONS = {EventKind.PAID: "confirmation", EventKind.PAID_LATE: "paid_late"}
_FINAL = frozenset({ParcelStatus.DELIVERED, ParcelStatus.RETURNED, ParcelStatus.LOST, ParcelStatus.CANCELLED})
MOMENT, LONG = timedelta(seconds=30), timedelta(hours=6)
"""How much newer the end of a parcel's way, or its next step, makes the steps before it no news any more."""


@dataclass(frozen=True)
class Told:
    """An event, the order as it stands now, and its parcels."""

    order: OrderView
    event: Event
    parcels: Sequence[Parcel]

    @property
    def parcel(self) -> Parcel | None:
        """The one that the event is about."""
        return next((p for p in self.parcels if p.parcel_id == self.event.parcel_id), None)

    @property
    def reported(self) -> ParcelStatus:
        """The status that the parcel came into."""
        if self.event.kind is EventKind.PARCEL_BOOKED:
            return ParcelStatus.PREPARING
        return self.event.carrier_event.report.status


def template_for(told: Told) -> str | None:
    """The mail that an event calls for as things stand now, or None."""
    order, event = told.order, told.event
    if event.kind is EventKind.PLACED:
        return "held" if order.held and not order.checking else None
    if event.kind in _ENDS:
        # An end that a late payment undid meanwhile has a mail of its own.
        status, template = _ENDS[event.kind]
        return template if order.status is status else None
    if event.kind is EventKind.ADDRESS_CHANGED:
        return "address_changed" if order.status in GOING and _last(order, event) else None
    if event.kind is EventKind.LINK_ASKED:
        return "change_link" if order.now - event.at < LINK_LIFETIME else None
    if event.kind is EventKind.REFUND_DUE:
        return "refund"
    if event.kind is EventKind.PART_REFUND_DUE:
        return "part_refund"
    if event.kind is EventKind.DUPLICATE_CAPTURE:
        return "second_payment"
    # Where the money has gone back meanwhile, the mail about that says all there is to say.
    return _of_sold(told) if order.status in SOLD else None


def _of_sold(told: Told) -> str | None:
    order, event = told.order, told.event
    if event.kind in _CONFIRMATIONS:
        return _CONFIRMATIONS[event.kind]
    if event.kind is EventKind.DELAYED:
        return "late" if order.delivery and order.delivery.status is ShipmentStatus.DELAYED else None
    if event.kind in (EventKind.PARCEL_BOOKED, EventKind.CARRIER):
        return "parcel" if told.parcel and not _overtaken(told, told.parcel) else None
    return None


def _last(order: OrderView, event: Event) -> bool:
    """Whether nothing of its kind came after it: only the latest state is news."""
    return next(e for e in reversed(order.events) if e.kind is event.kind).event_id == event.event_id


def _overtaken(told: Told, parcel: Parcel) -> bool:
    """Whether a parcel has gone on since, so far that where it was is no news any more."""
    if parcel.status is told.reported:
        return False
    newer = parcel.at - told.event.at
    if newer < timedelta(0):
        # A report that didn't count; or its carrier told of it before it was booked.
        return True
    return newer > (MOMENT if parcel.status in _FINAL else LONG)


def context(settings: Settings, told: Told) -> dict[str, Any]:
    """What the template of its mail shows."""
    order, event = told.order, told.event
    # It follows from the event, so that a mail sent twice is the same mail.
    link = OrderLinks(settings).order(order.order_id, event.at)
    way = _way(settings, order, told.parcels)
    parcel = told.parcel and _as_told(told.event, told.parcel)
    sent = [p for p in told.parcels if p.status is not ParcelStatus.CANCELLED]
    return {
        "order": order,
        "event": event,
        "link": link,
        "change_link": ChangeLinks(settings).address(order.order_id, event.nonce),
        "estimate": order.estimated(settings.calendar),
        "headline": of_shipment(way) if way else "",
        "news": way
        and parcel
        and parcel_news(order.number, parcel, way, {line.sku: line.name for line in order.lines}),
        "structured": [
            order_data(settings, order, link),
            *(parcel_data(settings, order, p, link) for p in sent if order.status in SOLD),
        ],
    }


def _as_told(event: Event, parcel: Parcel) -> Parcel:
    """A parcel as an event about it tells it."""
    if event.kind is not EventKind.CARRIER:
        return replace(parcel, status=ParcelStatus.PREPARING, at=event.at, place="", message="")
    report = event.carrier_event.report
    return replace(parcel, status=report.status, at=report.at, place=report.place, message=report.message)


def _way(settings: Settings, order: OrderView, parcels: Sequence[Parcel]) -> Way | None:
    if order.delivery is None:
        return None
    ordered = tuple(Ordered(line.sku, line.qty, line.refunded) for line in order.lines)
    packing = Packing(ordered, tuple(parcels))
    return Way(
        status=order.delivery.status,
        parcels=tuple(parcels),
        promised_on=order.promised_on or order.delivery.estimated,
        estimated=order.delivery.estimated,
        today=order.now.astimezone(settings.zone).date(),
        zone=settings.zone,
        day=Formats(settings).day,
        left=len(packing.unpacked),
        handed_over=packing.handed_over,
    )
