"""``storefront cancel``: end an order before it is sent, or what of it has not left."""

from __future__ import annotations

import argparse

from storefront.cli.context import Context
from storefront.cli.orders import add_order, find, money
from storefront.domain.errors import Conflict
from storefront.domain.orders import Actor, OrderStatus
from storefront.services import cancellation


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "cancel",
        help="end an order before it is sent",
        description="An unpaid order gives its stock free. A paid one is refunded, its stock put back; "
        "once a parcel has left, that is done with what has not.",
    )
    add_order(parser)
    parser.add_argument(
        "--force", action="store_true", help="without asking Stripe; what is paid there after all goes back"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, context: Context) -> int:
    stores = context.stores
    order = find(stores, args.order)
    if order.status is OrderStatus.CANCELLED:
        raise Conflict(f"Order {order.number} is cancelled already.")
    after = cancellation.cancel(
        stores, context.process.stripe, order.order_id, by=Actor.OPERATOR, force=args.force, rest=True
    )
    if after is OrderStatus.REFUNDED:
        print(
            f"Order {order.number} was paid: {money(order.total_cents, context)} goes back, "
            "and its goods are back in stock."
        )
    elif after is not OrderStatus.CANCELLED:
        part = stores.orders.view(order.order_id).refunds[-1]
        print(
            f"Order {order.number} had left in part. Of it {part.units} is cancelled and back in stock: "
            f"{money(part.cents, context)} goes back."
        )
    else:
        print(f"Order {order.number} is cancelled; its goods are free again.")
    return 0
