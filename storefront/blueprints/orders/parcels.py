"""An order's parcels as its page shows them: how far each is, what is in it, and where else to follow it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import NamedTuple

from storefront.domain.carriers import tracking_page
from storefront.domain.order_views import OrderLine, OrderView
from storefront.domain.orders import OrderStatus
from storefront.domain.packing import Packing
from storefront.domain.parcels import WAYLAID, Ordered, Parcel, ParcelLine, ParcelStatus, ShipmentStatus
from storefront.wording import statuses
from storefront.wording.statuses import SHIPMENTS, Words


class Content(NamedTuple):
    name: str
    qty: int


class Step(NamedTuple):
    """How far something is: ``number`` of ``labels``, of which the last is the end."""

    number: int
    labels: tuple[str, ...]

    @property
    def words(self) -> str:
        return f"Step {self.number} of {len(self.labels)}: {self.labels[self.number - 1]}"


@dataclass(frozen=True)
class ParcelCard:
    """``place`` and ``message`` are the carrier's latest, ``at`` when; ``settled`` says what became of what
    was in a parcel that went astray. ``step`` is None where there is no going on."""

    number: int
    carrier: str
    code: str
    page: str
    status: ParcelStatus
    words: Words
    step: Step | None
    at: datetime
    place: str
    message: str
    estimated: date | None
    contents: tuple[Content, ...]
    settled: str


def cards(order: OrderView, parcels: Iterable[Parcel]) -> list[ParcelCard]:
    """The parcels that were or will be sent, in the order in which they were packed."""
    names = {line.sku: line.name for line in order.lines}
    return [_card(number, parcel, names) for number, parcel in enumerate(sent(parcels), 1)]


def sent(parcels: Iterable[Parcel]) -> list[Parcel]:
    return [parcel for parcel in parcels if parcel.status is not ParcelStatus.CANCELLED]


def _card(number: int, parcel: Parcel, names: dict[str, str]) -> ParcelCard:
    coming = parcel.open and parcel.status not in WAYLAID
    return ParcelCard(
        number=number,
        carrier=parcel.carrier,
        code=parcel.tracking_code,
        page=tracking_page(parcel.carrier, parcel.tracking_code),
        status=parcel.status,
        words=statuses.PARCELS[parcel.status],
        step=_step(parcel),
        at=parcel.at,
        place=parcel.place,
        message=parcel.message if parcel.message != statuses.PARCELS[parcel.status].short else "",
        estimated=parcel.estimated_delivery if coming else None,
        contents=tuple(Content(names.get(line.sku, line.sku), line.qty) for line in parcel.lines),
        settled=statuses.SETTLEMENTS[parcel.settled] if parcel.settled else "",
    )


def _step(parcel: Parcel) -> Step | None:
    if parcel.status in WAYLAID or parcel.settled:
        return None
    third = ParcelStatus.OUT_FOR_DELIVERY
    if parcel.status is ParcelStatus.AVAILABLE_FOR_PICKUP:
        third = parcel.status
    way = (ParcelStatus.PREPARING, ParcelStatus.IN_TRANSIT, third, ParcelStatus.DELIVERED)
    # Where delivery failed, it is on its way still, or again.
    number = way.index(parcel.status) + 1 if parcel.status in way else 2
    return Step(number, tuple(statuses.PARCELS[status].short for status in way))


def step(order: OrderView, shipment: ShipmentStatus | None) -> Step | None:
    """How far a paid order is as a whole, until something of it goes astray or its money goes back."""
    number = _STEPS.get(order.status)
    if number is None or shipment in _ASTRAY:
        return None
    second = "Being packed" if number == 2 else "Packed"
    third = SHIPMENTS[shipment].short if shipment in _GOING else "On its way"
    return Step(number, ("Paid", second, third, "Delivered"))


_STEPS = {OrderStatus.PAID: 1, OrderStatus.PREPARING: 2, OrderStatus.SHIPPED: 3, OrderStatus.DELIVERED: 4}
_ASTRAY = frozenset({ShipmentStatus.RETURNED, ShipmentStatus.LOST, ShipmentStatus.CANCELLED})
_GOING = frozenset({ShipmentStatus.OUT_FOR_DELIVERY, ShipmentStatus.AVAILABLE_FOR_PICKUP})


def unpacked(lines: Sequence[OrderLine], parcels: Iterable[Parcel]) -> tuple[Content, ...]:
    """What is in no parcel yet."""
    return _named(lines, _packing(lines, parcels).unpacked)


def rest(order: OrderView, parcels: Iterable[Parcel]) -> tuple[Content, ...]:
    """What can still be cancelled, or go to another address, of an order of which something has left."""
    if order.status is not OrderStatus.SHIPPED:
        return ()
    # Of a parcel that could not be delivered, or collected, only Aurora knows whether its carrier has it.
    seen = [
        replace(p, status=ParcelStatus.IN_TRANSIT) if p.status is ParcelStatus.EXCEPTION else p
        for p in parcels
    ]
    return _named(order.lines, _packing(order.lines, seen).here)


def _packing(lines: Sequence[OrderLine], parcels: Iterable[Parcel]) -> Packing:
    return Packing(tuple(Ordered(line.sku, line.qty, line.refunded) for line in lines), tuple(parcels))


def _named(lines: Sequence[OrderLine], units: Iterable[ParcelLine]) -> tuple[Content, ...]:
    names = {line.sku: line.name for line in lines}
    return tuple(Content(names[line.sku], line.qty) for line in units)
