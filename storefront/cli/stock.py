"""``storefront stock``: what is on hand of a product."""

from __future__ import annotations

import argparse
import json
import re

from storefront.cli.context import Context
from storefront.domain.catalog import STOCK_MAX, StockLevel

_DIGITS = re.compile(r"[0-9]{1,10}", re.ASCII)


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    stock = subparsers.add_parser("stock", help="show, receive and correct stock")
    commands = stock.add_subparsers(required=True, metavar="COMMAND")

    show = commands.add_parser("show", help="units on hand, and how many of them are reserved")
    show.add_argument("sku", metavar="SKU")
    show.add_argument("--json", action="store_true")
    show.set_defaults(run=_show)

    receive = commands.add_parser("receive", help="put units that have arrived into stock")
    receive.add_argument("sku", metavar="SKU")
    receive.add_argument("units", metavar="N", type=_units)
    receive.set_defaults(run=_receive)

    count = commands.add_parser("set", help="set what is on hand, as counted in the store room")
    count.add_argument("sku", metavar="SKU")
    count.add_argument("units", metavar="N", type=_units)
    count.set_defaults(run=_set)


def _units(text: str) -> int:
    """``int()`` would also take ``1_0``, `` 7 `` and ``٣``."""
    if not _DIGITS.fullmatch(text) or int(text) > STOCK_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to {STOCK_MAX:,} in plain digits")
    return int(text)


def _show(args: argparse.Namespace, context: Context) -> int:
    level = context.stores.stock.level(args.sku)
    if args.json:
        print(json.dumps({"sku": level.sku, "quantity": level.quantity, "reserved": level.reserved}))
    else:
        print(_told(level))
    return 0


def _receive(args: argparse.Namespace, context: Context) -> int:
    with context.stores.transaction():
        level = context.stores.stock.receive(args.sku, args.units)
    print(f"Received {args.units}. {_told(level)}")
    return 0


def _set(args: argparse.Namespace, context: Context) -> int:
    with context.stores.transaction():
        level = context.stores.stock.set(args.sku, args.units)
    print(_told(level))
    return 0


def _told(level: StockLevel) -> str:
    return f"{level.sku}: {level.quantity} on hand, {level.reserved} reserved, {level.available} available"
