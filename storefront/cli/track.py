"""``storefront track``: what the carrier says of a parcel, recorded by hand."""

from __future__ import annotations

import argparse
from uuid import uuid4

from storefront.cli.context import Context
from storefront.cli.orders import add_order, find
from storefront.domain.deliveries import CARRIER_STATUSES, CarrierEvent, ShipmentStatus
from storefront.domain.errors import Conflict
from storefront.services import tracking


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("track", help="record what the carrier says of a parcel")
    add_order(parser)
    parser.add_argument(
        "status", metavar="STATUS", choices=sorted(CARRIER_STATUSES), help=", ".join(sorted(CARRIER_STATUSES))
    )
    parser.add_argument("--place", default="", metavar="TEXT")
    parser.add_argument("--message", default="", metavar="TEXT")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, context: Context) -> int:
    stores = context.stores
    order = find(stores, args.order)
    if order.delivery is None:
        raise Conflict(f"Order {order.number} is {order.status}; it has no parcel.")
    status = ShipmentStatus(args.status)
    tracking.record(
        stores,
        CarrierEvent(
            event_id=f"operator:{uuid4()}",
            tracking_code=order.delivery["tracking_code"],
            status=status,
            timestamp=stores.orders.now(),
            place=args.place,
            message=args.message,
        ),
    )
    after = stores.orders.head(order.order_id)
    print(f"Order {order.number}: {status} is recorded. It is now {after.status}.")
    if after.delivery and after.delivery["status"] != status:
        print(f"Its parcel stays {after.delivery['status']}: a carrier's status never moves one backwards.")
    return 0
