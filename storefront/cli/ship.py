"""``storefront ship``: book a parcel of an order."""

from __future__ import annotations

import argparse
from datetime import date

from storefront.cli.context import Context
from storefront.cli.orders import add_order, find
from storefront.domain.cart import read_quantity
from storefront.domain.errors import Invalid
from storefront.domain.ids import new_tracking_code
from storefront.domain.orders import OrderStatus
from storefront.domain.parcels import ParcelLine
from storefront.services import fulfilment, parcels
from storefront.services.parcels import Booking


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "ship",
        help="book a parcel of what is in no parcel yet",
        description="Books one parcel of an order, of all that is in no parcel yet or of some lines. A paid "
        "order gets its shipment written first. What its carrier reports then moves the order along.",
    )
    add_order(parser)
    parser.add_argument("--carrier", metavar="NAME", help="without it: the shop's own, with a code of ours")
    parser.add_argument("--code", metavar="CODE", help="the carrier's tracking code")
    parser.add_argument(
        "--line", metavar="SKU=QTY", type=read_line, action="append", default=[], help="what is in it"
    )
    parser.add_argument("--estimated", metavar="DATE", type=date.fromisoformat, help="such as 2026-11-30")
    parser.set_defaults(run=run)


def read_line(text: str) -> ParcelLine:
    """``SKU=QTY``; a SKU may hold an equals sign itself."""
    sku, _, quantity = text.rpartition("=")
    try:
        return ParcelLine(sku, read_quantity(quantity))
    except Invalid:
        raise argparse.ArgumentTypeError(f"{text!r} is not SKU=QTY") from None


def run(args: argparse.Namespace, context: Context) -> int:
    if bool(args.carrier) != bool(args.code):
        raise Invalid("--carrier and --code go together: a code is its carrier's own.")
    stores = context.stores
    order = find(stores, args.order)
    if order.status is OrderStatus.PAID:
        fulfilment.write_shipment(stores, order.order_id)
    booking = Booking(
        carrier=args.carrier or context.settings.house.words.carrier,
        tracking_code=args.code or new_tracking_code(),
        lines=tuple(args.line),
        estimated_delivery=args.estimated,
    )
    parcel = parcels.book(stores, order.order_id, booking)
    inside = ", ".join(f"{line.qty} x {line.sku}" for line in parcel.lines)
    print(f"Order {order.number}: parcel {parcel.tracking_code} with {parcel.carrier} holds {inside}.")
    return 0
