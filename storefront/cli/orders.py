"""``storefront orders``, and how every command is told which order it is about."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

from storefront.cli.context import Context
from storefront.domain.errors import NotFound
from storefront.domain.ids import OrderNumber, read_order_number
from storefront.domain.order_views import OrderRefund, OrderRow, OrderSummary, OrderView
from storefront.domain.orders import OrderStatus
from storefront.domain.parcels import Parcel
from storefront.stores import Stores

PAGE = 1000
SHOWN = 100
"""Lines of a list for people, unless they ask for more."""

OrderKey = UUID | OrderNumber


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    orders = subparsers.add_parser("orders", help="list orders, show one")
    commands = orders.add_subparsers(required=True, metavar="COMMAND")

    listing = commands.add_parser("list", help="orders, the newest first")
    listing.add_argument("--json", action="store_true", help="all of them, as one array")
    listing.add_argument("--all", action="store_true", help=f"all of them, not the newest {SHOWN}")
    listing.set_defaults(run=_list)

    show = commands.add_parser("show", help="one order with its lines and its history")
    add_order(show)
    show.add_argument("--json", action="store_true")
    show.set_defaults(run=_show)

    promises = commands.add_parser("promises", help="promises kept and broken, by week")
    promises.add_argument("--json", action="store_true")
    promises.set_defaults(run=_promises)


def add_order(parser: argparse.ArgumentParser) -> None:
    """The argument ORDER."""
    parser.add_argument("order", metavar="ORDER", type=_key, help="its id, or its number in any spelling")


def _key(text: str) -> OrderKey:
    number = read_order_number(text)
    if number is not None:
        return number
    try:
        return UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither an order's id nor its number") from None


def find(stores: Stores, key: OrderKey) -> OrderSummary:
    """The order an operator named, without lines and events.

    Raises:
        NotFound: there is none.
    """
    try:
        return stores.orders.summary(key if isinstance(key, UUID) else stores.orders.find_number(key))
    except NotFound:
        raise NotFound(f"There is no order {key}") from None


def _list(args: argparse.Namespace, context: Context) -> int:
    if args.json:
        _print_array(every(context.stores))
        return 0
    for count, row in enumerate(every(context.stores)):
        if count == SHOWN and not args.all:
            print(f"These are the newest {SHOWN}; --all lists the others too.")
            break
        until = f"  held until {_minute(row.expires_at)}" if row.status is OrderStatus.PENDING else ""
        print(
            f"{row.number}  {row.status:<9}  {money(row.total_cents, context):>16}  "
            f"{_minute(row.created_at)}  {row.order_id}{until}"
        )
    return 0


def every(stores: Stores, at_once: int = PAGE) -> Iterator[OrderRow]:
    """Every order, newest first, so many at a time: there may be more than fit into memory."""
    page = stores.orders.newest(at_once)
    while page:
        yield from page
        page = stores.orders.newest(at_once, before=page[-1]) if len(page) == at_once else []


def _print_array(rows: Iterator[OrderRow]) -> None:
    print("[", end="")
    for count, row in enumerate(rows):
        print(",\n " if count else "", json.dumps(_summary(row)), sep="", end="")
    print("]")


def _summary(order: OrderRow) -> dict[str, object]:
    return {
        "order_id": str(order.order_id),
        "number": order.number,
        "status": order.status,
        "total_cents": order.total_cents,
        "created_at": order.created_at.isoformat(),
        "expires_at": order.expires_at.isoformat(),
    }


def _show(args: argparse.Namespace, context: Context) -> int:
    order = context.stores.orders.view(find(context.stores, args.order).order_id)
    parcels = context.stores.parcels.of(order.order_id)
    if args.json:
        print(json.dumps(_everything(order, parcels), indent=2, ensure_ascii=False))
        return 0
    to = order.address
    print(f"Order {order.number} ({order.order_id})")
    print(f"Status    {order.status}; payment {order.payment_status}, {order.provider}", end="")
    print(f" {order.external_ref}" if order.external_ref else "")
    print(f"Placed    {_minute(order.created_at)}, held until {_minute(order.expires_at)}")
    print(f"Shopper   {order.email}, {to.name}, {to.line1}, {to.city} {to.zip}, {to.country}")
    if order.delivery:
        print(f"Shipment  {order.delivery.status}, due {order.delivery.estimated}")
    for parcel in parcels:
        inside = ", ".join(f"{line.qty} x {line.sku}" for line in parcel.lines)
        print(f"Parcel    {parcel.status}, {parcel.carrier} {parcel.tracking_code}: {inside}")
    for line in order.lines:
        print(f"  {line.qty:>3} x {line.sku}  {line.name}  {money(line.total_cents, context)}")
    print(f"  Total {money(order.total_cents, context)}")
    for refund in order.refunds:
        units = ", ".join(f"{line.qty} x {line.sku}" for line in refund.lines)
        print(f"  Refunded {money(refund.cents, context)}, {refund.status}{f' ({units})' if units else ''}")
    for event in order.events:
        told = ", ".join(f"{name} {value}" for name, value in event.data.items() if value not in ("", None))
        print(f"  {_minute(event.at)}  {event.kind}{f'  ({told})' if told else ''}")
    return 0


def _everything(order: OrderView, parcels: Iterable[Parcel]) -> dict[str, object]:
    return {
        **_summary(order),
        "email": order.email,
        "address": vars(order.address),
        "payment": {
            "status": order.payment_status,
            "provider": order.provider,
            "external_ref": order.external_ref,
            "attempt": order.attempt,
        },
        "delivery": order.delivery.as_json() if order.delivery else None,
        "promised_on": order.promised_on.isoformat() if order.promised_on else None,
        "parcels": [_parcel(parcel) for parcel in parcels],
        "lines": [
            {
                "sku": line.sku,
                "name": line.name,
                "qty": line.qty,
                "price_cents": line.price_cents,
                "refunded": line.refunded,
            }
            for line in order.lines
        ],
        "refunds": [_refund(refund) for refund in order.refunds],
        "events": [{"at": e.at.isoformat(), "kind": e.kind, "data": e.data} for e in order.events],
    }


def _parcel(parcel: Parcel) -> dict[str, object]:
    day = parcel.estimated_delivery
    return {
        "parcel_id": str(parcel.parcel_id),
        "carrier": parcel.carrier,
        "tracking_code": parcel.tracking_code,
        "status": parcel.status,
        "at": parcel.at.isoformat(),
        "estimated_delivery": day.isoformat() if day else None,
        "settled": parcel.settled,
        "lines": [{"sku": line.sku, "quantity": line.qty} for line in parcel.lines],
    }


def _promises(args: argparse.Namespace, context: Context) -> int:
    stores = context.stores
    today = stores.orders.now().astimezone(stores.calendar.zone).date()
    weeks = stores.promises.by_week(today)
    if args.json:
        print(json.dumps([{**vars(week), "monday": week.monday.isoformat()} for week in weeks], indent=2))
        return 0
    print("Week of     Kept  Broken  Coming  Late")
    for week in weeks:
        print(f"{week.monday}  {week.kept:>4}  {week.broken:>6}  {week.coming:>6}  {week.late:>4}")
    return 0


def _refund(refund: OrderRefund) -> dict[str, object]:
    return {
        "refund_id": str(refund.refund_id),
        "at": refund.at.isoformat(),
        "cents": refund.cents,
        "status": refund.status,
        "restock": refund.restock,
        "external_ref": refund.external_ref,
        "lines": [{"sku": line.sku, "qty": line.qty, "restocked": line.restocked} for line in refund.lines],
    }


def money(cents: int, context: Context) -> str:
    return f"{cents // 100}.{cents % 100:02} {context.settings.currency}"


def _minute(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M:%SZ")
