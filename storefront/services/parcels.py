"""Booking parcels, and letting their order follow from them (invariant I16).

Aurora decides, under the order's lock; the worker carries it over to DynamoDB.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID, uuid4

from storefront.domain.errors import Conflict, NotFound, NotKnownYet
from storefront.domain.orders import SOLD, UNDELIVERED, EventKind, Order, OrderStatus
from storefront.domain.packing import Packing
from storefront.domain.parcels import (
    CarrierEvent,
    Parcel,
    ParcelLine,
    ParcelStatus,
    Settlement,
    ShipmentStatus,
)
from storefront.repositories.aurora.carrier_inbox import Unbooked
from storefront.repositories.aurora.parcels import Found
from storefront.services import parcel_attention, promise
from storefront.stores import Stores, again_if_lost


@dataclass(frozen=True)
class Booking:
    """A parcel as whoever packed it books it. Carrier and code are its key: the same again is the same
    parcel. Without ``lines``, all that is in no parcel yet."""

    carrier: str
    tracking_code: str
    lines: tuple[ParcelLine, ...] = ()
    estimated_delivery: date | None = None


@again_if_lost
def book(stores: Stores, order_id: UUID, booking: Booking) -> Parcel:
    """Book a parcel, and take in what its carrier told of it before; the parcel, also when it was there.

    Raises:
        NotFound: there is no such order.
        NotKnownYet: it is paid, but its shipment is not written yet.
        Conflict: it is not to be sent, has too little left, or the code is another parcel's.
    """
    with stores.transaction():
        order, _ = stores.orders.lock(order_id)
        stores.parcels.lock_code(booking.tracking_code)
        for found in stores.parcels.find(booking.tracking_code, booking.carrier):
            return _booked_before(stores, order, found, booking)
        _may_be_packed(order)
        parcel = Parcel(
            parcel_id=uuid4(),
            carrier=booking.carrier.strip(),
            tracking_code=booking.tracking_code.strip(),
            lines=_lines(order, stores.parcels.packing(order), booking),
            at=stores.orders.now(),
            estimated_delivery=booking.estimated_delivery,
        )
        stores.parcels.add(order_id, parcel)
        _note(stores, order, EventKind.PARCEL_BOOKED, parcel)
        only_one = len(stores.parcels.find(booking.tracking_code)) == 1
        for event in stores.carrier_inbox.take(parcel.carrier, parcel.tracking_code, only_one=only_one):
            parcel_attention.booked(stores, Unbooked.of(event))
            parcel = take_in(stores, order, parcel, event) or parcel
        follow(stores, order, settling=Settlement.SENT_AGAIN)
        return parcel


def _booked_before(stores: Stores, order: Order, found: Found, booking: Booking) -> Parcel:
    if found.order_id != order.order_id:
        raise Conflict(f"{booking.carrier} {booking.tracking_code} is a parcel of another order")
    parcel = _of(stores, found)
    if booking.lines and sorted(_summed(booking.lines).items()) != [(li.sku, li.qty) for li in parcel.lines]:
        raise Conflict(f"{booking.carrier} {booking.tracking_code} was booked with other lines")
    return parcel


def _may_be_packed(order: Order) -> None:
    if order.status is OrderStatus.PAID:
        raise NotKnownYet(f"Order {order.number} is paid, and its shipment is about to be written")
    if order.status not in SOLD:
        raise Conflict(f"Order {order.number} is {order.status}, so nothing of it is to be sent")


def _lines(order: Order, packing: Packing, booking: Booking) -> tuple[ParcelLine, ...]:
    left = {line.sku: line.qty for line in packing.left}
    wanted = _summed(booking.lines) if booking.lines else left
    if not wanted:
        raise Conflict(f"All of order {order.number} is in parcels already")
    for sku, qty in wanted.items():
        if qty > left.get(sku, 0):
            raise Conflict(f"Order {order.number} has {left.get(sku, 0)} of {sku} left to send, not {qty}")
    return tuple(ParcelLine(sku, qty) for sku, qty in sorted(wanted.items()))


def _summed(lines: tuple[ParcelLine, ...]) -> dict[str, int]:
    total: dict[str, int] = {}
    for line in lines:
        total[line.sku] = total.get(line.sku, 0) + line.qty
    return total


def take_in(stores: Stores, order: Order, parcel: Parcel, event: CarrierEvent) -> Parcel | None:
    """Within a transaction: record a carrier's event; the parcel as it leaves it, None if it was there."""
    report = event.report
    news = stores.events.record(
        order.order_id,
        EventKind.CARRIER,
        event.as_data() | {"parcel_id": str(parcel.parcel_id), "carrier": parcel.carrier},
        event_id=f"carrier:{parcel.parcel_id}:{report.event_id}",
        at=report.at,
    )
    if not news:
        return None
    if order.status is OrderStatus.REFUNDED or parcel.status is ParcelStatus.CANCELLED:
        reason = "moving_after_refund"
        stores.events.record(order.order_id, EventKind.FLAGGED, {"reason": reason}, event_id=f"flag:{reason}")
    after = parcel.reported(report, stores.calendar.zone)
    if after != parcel:
        stores.parcels.save(after)
        parcel_attention.moved(stores, order, parcel, after)
    return after


@again_if_lost
def cancel(stores: Stores, found: Found) -> Parcel:
    """Withdraw a parcel that was not handed over; its units are in no parcel again.

    Raises:
        Conflict: the carrier has it.
    """
    with stores.transaction():
        order, _ = stores.orders.lock(found.order_id)
        parcel = _of(stores, found)
        if parcel.handed_over:
            raise Conflict(f"{parcel.carrier} has parcel {parcel.tracking_code}: it is {parcel.status}")
        if parcel.status is not ParcelStatus.CANCELLED:
            parcel = _cancelled(stores, order, parcel)
            follow(stores, order)
        return parcel


@again_if_lost
def close(stores: Stores, parcel_id: UUID, order_id: UUID) -> bool:
    """Nothing more is done about a returned or lost parcel; False if there was nothing to decide (any more).

    Raises:
        NotFound: there is no such parcel.
    """
    with stores.transaction():
        order, _ = stores.orders.lock(order_id)
        parcel = _of(stores, Found(parcel_id, order_id))
        if not (parcel.waylaid and parcel.open):
            return False
        _settle(stores, order, replace(parcel, settled=Settlement.CLOSED))
        follow(stores, order)
        return True


def withdraw(stores: Stores, order: Order) -> None:
    """Within a transaction: units of a locked order were refunded. What holds too much and has not left does
    not go out; returned and lost parcels that nobody waits for are settled."""
    if order.delivery is None:
        if order.status is OrderStatus.REFUNDED:
            # A worker may be writing the shipment, or may have died after it did.
            order.withdraw(stores.orders.now(), stores.calendar)
        return
    packing = stores.parcels.packing(order)
    for parcel in packing.overfull:
        _cancelled(stores, order, parcel)
    follow(stores, order, settling=Settlement.REFUNDED)


def unpack(stores: Stores, order: Order) -> None:
    """Within a transaction: withdraw a locked order's parcels that no carrier has had."""
    for parcel in stores.parcels.packing(order).parcels:
        if parcel.live and not parcel.handed_over:
            _cancelled(stores, order, parcel)


def follow(stores: Stores, order: Order, *, settling: Settlement | None = None) -> None:
    """Within a transaction: let a locked order follow from its parcels.

    ``settling`` says what was done just now that may have settled returned and lost parcels. A carrier's
    event never does: the same events shall leave the same parcels, whatever their order.
    """
    packing = stores.parcels.packing(order)
    if settling is not None:
        after = packing.settled(settling)
        for parcel in after.parcels:
            if parcel not in packing.parcels:
                _settle(stores, order, parcel)
        packing = after
    if order.delivery is None:
        return
    now = stores.orders.now()
    today, looked = now.astimezone(stores.calendar.zone).date(), order.delivery.look_again
    if looked and looked < today:
        parcel_attention.days_went_by(stores, order, packing, looked, today)
    coming = order.status in UNDELIVERED
    order.follow(packing, now, stores.calendar)
    if coming and order.status is OrderStatus.DELIVERED:
        promise.note_delivered(stores, order, max(parcel.at for parcel in packing.parcels if parcel.arrived))
    if order.delivery.status is ShipmentStatus.DELAYED:
        day = order.delivery.estimated.isoformat()
        stores.events.record(order.order_id, EventKind.DELAYED, {"estimated": day})


def _cancelled(stores: Stores, order: Order, parcel: Parcel) -> Parcel:
    parcel = replace(parcel, status=ParcelStatus.CANCELLED, at=stores.orders.now(), place="", message="")
    stores.parcels.save(parcel)
    _note(stores, order, EventKind.PARCEL_CANCELLED, parcel)
    return parcel


def _settle(stores: Stores, order: Order, parcel: Parcel) -> None:
    stores.parcels.save(parcel)
    parcel_attention.settled(stores, parcel)
    _note(stores, order, EventKind.PARCEL_SETTLED, parcel)


def _note(stores: Stores, order: Order, kind: EventKind, parcel: Parcel) -> None:
    data = {
        "parcel_id": str(parcel.parcel_id),
        "carrier": parcel.carrier,
        "tracking_code": parcel.tracking_code,
        **({"settled": parcel.settled.value} if parcel.settled else {}),
    }
    stores.events.record(order.order_id, kind, data, event_id=f"{kind}:{parcel.parcel_id}")


def _of(stores: Stores, found: Found) -> Parcel:
    """A parcel as it stands under its order's lock."""
    for parcel in stores.parcels.of(found.order_id):
        if parcel.parcel_id == found.parcel_id:
            return parcel
    raise NotFound("There is no such parcel")
