"""What carriers report: recorded always, believed only forwards."""

from __future__ import annotations

from datetime import datetime

from storefront.domain.deliveries import CarrierEvent, ShipmentStatus, moves_forward
from storefront.domain.errors import NotFound
from storefront.domain.ids import order_number_of
from storefront.domain.orders import Kind, Order, OrderStatus
from storefront.services.fulfilment import redeliver
from storefront.stores import Stores, again_if_lost


@again_if_lost
def record(stores: Stores, event: CarrierEvent) -> bool:
    """Take in a carrier's event; False if it had its effect before.

    Aurora decides, under the order's lock; the worker carries it over to DynamoDB. A late event is
    recorded and moves nothing backwards; one for a refunded order is recorded and flagged.

    Raises:
        NotFound: no parcel of ours has this tracking code.
    """
    number = order_number_of(event.tracking_code)
    if number is None:
        raise NotFound("No parcel has this tracking code")
    order_id = stores.orders.find_number(number)
    with stores.transaction():
        order, _ = stores.orders.lock(order_id)
        if order.delivery is None:
            raise NotFound("This parcel has not been handed over yet")
        data = {
            "tracking_code": event.tracking_code,
            "status": str(event.status),
            "place": event.place,
            "message": event.message,
        }
        event_id = f"carrier:{event.event_id}"
        if not stores.events.record(order_id, Kind.CARRIER, data, event_id=event_id, at=event.timestamp):
            return False
        if order.state is OrderStatus.REFUNDED:
            stores.events.record(
                order_id, Kind.FLAGGED, {"reason": "moving_after_refund"}, event_id="flag:moving_after_refund"
            )
        _follow(order, event)
        return True


def _follow(order: Order, event: CarrierEvent) -> None:
    assert order.delivery is not None
    late = event.timestamp < datetime.fromisoformat(order.delivery["timestamp"])
    if moves_forward(order.delivery["status"], event.status, late=late):
        redeliver(order, status=str(event.status), timestamp=event.timestamp.isoformat(), place=event.place)
        if event.status is ShipmentStatus.DELIVERED and order.state in (
            OrderStatus.PREPARING,
            OrderStatus.SHIPPED,
        ):
            order.move(OrderStatus.DELIVERED)
        elif order.state is OrderStatus.PREPARING and event.status is not ShipmentStatus.PREPARING:
            order.move(OrderStatus.SHIPPED)
    else:
        redeliver(order)
