"""From paid to on its way: the shipment is written to DynamoDB, and kept telling what Aurora tells."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from storefront.domain.deliveries import CarrierEvent, Shipment, ShipmentStatus, estimate
from storefront.domain.ids import OrderNumber, tracking_code
from storefront.domain.orders import Kind, Order, OrderStatus, OrderView
from storefront.services import cards, claims
from storefront.stores import Stores, again_if_lost

CARRIER = "Larkfield Post"
BATCH = 50
LEASE = timedelta(seconds=20)


def write_shipments(stores: Stores, zone: ZoneInfo) -> int:
    """Give every paid order its one shipment and move it to preparing; how many were done.

    DynamoDB first, by a conditional put, then Aurora by compare-and-set: a crash in between is finished
    by the next round, which finds the shipment there.

    Raises:
        StoreUnavailable: DynamoDB is away; the orders stay paid and are tried again.
    """
    with stores.transaction():
        claimed = stores.orders.claim_paid(BATCH, LEASE)
    return claims.each(
        stores,
        [order_id for order_id, _ in claimed],
        lambda order_id: write_shipment(stores, order_id, zone),
    )


def write_shipment(stores: Stores, order_id: UUID, zone: ZoneInfo) -> None:
    """Give one paid order its shipment; done before, it stays as it is.

    Raises:
        StoreUnavailable: as ``write_shipments``.
    """
    order = stores.orders.head(order_id)
    if order.status is OrderStatus.PAID:
        shipment = _shipment(order, zone)
        # While it is paid: once it is being packed, nobody comes back for the card.
        cards.keep_paid(stores, order_id, order.user_id)
        _prepared(stores, order_id, shipment, fresh=stores.deliveries.create(shipment))


def _shipment(order: OrderView, zone: ZoneInfo) -> Shipment:
    return Shipment(
        order_id=str(order.order_id),
        status=ShipmentStatus.PREPARING,
        carrier=CARRIER,
        tracking_code=tracking_code(OrderNumber(order.number)),
        estimated_delivery=estimate(order.created_at.astimezone(zone).date()),
        address=order.address,
    )


@again_if_lost
def _prepared(stores: Stores, order_id: UUID, shipment: Shipment, *, fresh: bool) -> None:
    with stores.transaction():
        order, _ = stores.orders.lock(order_id)
        now = stores.orders.now()
        if order.state is OrderStatus.PAID:
            order.move(OrderStatus.PREPARING)
            # The address may have been corrected after it was read for the shipment, by this worker or
            # by one that wrote it and died.
            same = fresh and order.address == shipment.address
            order.delivery = _first(order, now, shipment.estimated_delivery, projected=same)
            order.claimed_until = None
            stores.events.record(order_id, Kind.PREPARING)
        elif order.state is OrderStatus.REFUNDED:
            # Taken back between the claim and now: the shipment just written must not go out.
            withdraw(order, now)


def _first(order: Order, at: datetime, estimated: date, *, projected: bool) -> dict[str, Any]:
    """What Aurora knows of a delivery when its shipment is written."""
    return {
        "status": str(ShipmentStatus.PREPARING),
        "timestamp": at.isoformat(),
        "tracking_code": tracking_code(OrderNumber(order.number)),
        "carrier": CARRIER,
        "estimated": estimated.isoformat(),
        "projected": projected,
        "version": 1,
    }


def project(stores: Stores) -> int:
    """Carry what Aurora knows of deliveries over to DynamoDB, by writes that may be repeated.

    Raises:
        StoreUnavailable: DynamoDB is away; tried again later.
    """
    with stores.transaction():
        claimed = stores.orders.claim_unprojected(BATCH, LEASE)
    return claims.each(
        stores, [order_id for order_id, _ in claimed], lambda order_id: _project(stores, order_id)
    )


def _project(stores: Stores, order_id: UUID) -> None:
    order = stores.orders.view(order_id)
    if order.delivery is None:
        return
    for event in order.events:
        if event.kind is Kind.CARRIER:
            stores.deliveries.record(order_id, _carrier_event(event.event_id, event.at, event.data))
    version = int(order.delivery["version"])
    stores.deliveries.update(order_id, ShipmentStatus(order.delivery["status"]), order.address, version)
    _projected(stores, order_id, version)


def _carrier_event(event_id: str, at: datetime, data: dict[str, Any]) -> CarrierEvent:
    return CarrierEvent(
        event_id=event_id,
        tracking_code=data["tracking_code"],
        status=ShipmentStatus(data["status"]),
        timestamp=at,
        place=data["place"],
        message=data["message"],
    )


@again_if_lost
def _projected(stores: Stores, order_id: UUID, version: int) -> None:
    with stores.transaction():
        order, _ = stores.orders.lock(order_id)
        # Something newer may have come while DynamoDB was being written: then it stays due.
        if order.delivery and order.delivery["version"] == version:
            order.delivery = {**order.delivery, "projected": True}
        order.claimed_until = None


def redeliver(order: Order, **changes: Any) -> None:
    """Within a transaction: change what is known of a delivery, due for DynamoDB again."""
    if order.delivery is not None:
        version = int(order.delivery["version"]) + 1
        order.delivery = {**order.delivery, **changes, "projected": False, "version": version}
        order.claimed_until = None


def withdraw(order: Order, now: datetime) -> None:
    """Within a transaction: the shipment of a refunded order, written or about to be, must not go out."""
    if order.delivery is None:
        order.delivery = _first(order, now, estimate(order.created_at.date()), projected=False)
    redeliver(order, status=str(ShipmentStatus.CANCELLED))


def estimated(order: OrderView, zone: ZoneInfo) -> date:
    """The day an order should arrive, from its shipment or, before there is one, from the promise."""
    if order.delivery:
        return date.fromisoformat(order.delivery["estimated"])
    return estimate(order.created_at.astimezone(zone).date())
