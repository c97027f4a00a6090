"""``storefront ship``: the next step of an order on its way out of the house."""

from __future__ import annotations

import argparse

from storefront.cli.context import Context
from storefront.cli.orders import add_order, find
from storefront.domain.deliveries import CarrierEvent, ShipmentStatus
from storefront.domain.errors import Conflict
from storefront.domain.orders import OrderStatus, OrderView
from storefront.services import fulfilment, tracking
from storefront.stores import Stores


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "ship",
        help="write a paid order's shipment, or hand a prepared one to the carrier",
        description="A paid order gets its shipment written, and is then prepared. "
        "A prepared one is handed to the carrier, and is then shipped.",
    )
    add_order(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, context: Context) -> int:
    stores = context.stores
    order = find(stores, args.order)
    if order.status is OrderStatus.PAID:
        fulfilment.write_shipment(stores, order.order_id, context.settings.zone)
    elif order.status is OrderStatus.PREPARING:
        tracking.record(stores, _handed_over(stores, order))
    else:
        raise Conflict(f"Order {order.number} is {order.status}; only paid and prepared orders are shipped.")
    print(_told(stores.orders.head(order.order_id)))
    return 0


def _handed_over(stores: Stores, order: OrderView) -> CarrierEvent:
    assert order.delivery is not None
    return CarrierEvent(
        # An order leaves the house once, however often this is said.
        event_id=f"operator:{order.order_id}:handed_over",
        tracking_code=order.delivery["tracking_code"],
        status=ShipmentStatus.IN_TRANSIT,
        timestamp=stores.orders.now(),
        message="Handed to the carrier",
    )


def _told(order: OrderView) -> str:
    parcel = f" Its parcel is {order.delivery['tracking_code']}." if order.delivery else ""
    return f"Order {order.number} is now {order.status}.{parcel}"
