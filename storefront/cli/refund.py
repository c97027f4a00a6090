"""``storefront refund``: give a paid order's money back."""

from __future__ import annotations

import argparse

from storefront.cli.context import Context
from storefront.cli.orders import add_order, find, money
from storefront.domain.errors import Conflict
from storefront.domain.orders import SOLD, OrderStatus
from storefront.services import payments


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("refund", help="give a paid order's money back")
    add_order(parser)
    parser.add_argument("--restock", action="store_true", help="its goods are back and can be sold again")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, context: Context) -> int:
    stores = context.stores
    order = find(stores, args.order)
    if order.status is OrderStatus.REFUNDED:
        raise Conflict(f"Order {order.number} is refunded already.")
    if order.status not in SOLD:
        raise Conflict(f"Order {order.number} is {order.status}; nothing was paid for it.")
    payments.refund(stores, order.order_id, restock=args.restock, by="operator")
    goods = "are back in stock" if args.restock else "stay out of stock"
    print(
        f"Order {order.number} is refunded: {money(order.total_cents, context)} goes back within moments, "
        f"its goods {goods}."
    )
    return 0
