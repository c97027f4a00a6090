"""``storefront refund``: give a paid order's money back, all of it or that of some units."""

from __future__ import annotations

import argparse
from collections import Counter

from storefront.cli.context import Context
from storefront.cli.orders import add_order, find, money
from storefront.domain.cart import read_quantity
from storefront.domain.errors import Conflict, Invalid
from storefront.domain.orders import SOLD, OrderStatus
from storefront.domain.payments import RefundReason
from storefront.services.payments import refunds


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "refund",
        help="give a paid order's money back",
        description="Gives back what the named units cost, or else all that was not given back yet. "
        "With its last unit, the order is refunded.",
    )
    add_order(parser)
    parser.add_argument(
        "--line",
        metavar="SKU=QTY",
        type=_units,
        action="append",
        default=[],
        help="so many units of this line; may be given more than once",
    )
    parser.add_argument("--restock", action="store_true", help="its goods are back and can be sold again")
    parser.set_defaults(run=run)


def _units(typed: str) -> tuple[str, int]:
    # A SKU may hold the sign itself; a number may not.
    sku, sign, qty = typed.rpartition("=")
    try:
        if sign and sku:
            return sku, read_quantity(qty)
    except Invalid:
        pass
    raise argparse.ArgumentTypeError(f"{typed!r} is not a SKU, = and a number of units from 1 to 99")


def run(args: argparse.Namespace, context: Context) -> int:
    stores = context.stores
    order = find(stores, args.order)
    if order.status is OrderStatus.REFUNDED:
        raise Conflict(f"Order {order.number} is refunded already.")
    if order.status not in SOLD:
        raise Conflict(f"Order {order.number} is {order.status}; nothing was paid for it.")
    units: Counter[str] = Counter()
    for sku, qty in args.line:
        units[sku] += qty
    cents = refunds.refund(
        stores, order.order_id, restock=args.restock, reason=RefundReason.OPERATOR, units=units or None
    )
    whole = stores.orders.summary(order.order_id).status is OrderStatus.REFUNDED
    goods = "are back in stock" if args.restock else "stay out of stock"
    back = f"{money(cents, context)} goes back within moments" if cents else "there is nothing to pay back"
    print(f"Order {order.number} is refunded{'' if whole else ' in part'}: {back}, its goods {goods}.")
    return 0
