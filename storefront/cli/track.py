"""``storefront track``: what the carrier says of a parcel, recorded by hand."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime
from uuid import uuid4

from storefront.cli.context import Context
from storefront.domain.errors import Conflict, NotFound
from storefront.domain.ids import read_order_number
from storefront.domain.parcels import CARRIER_STATUSES, CarrierEvent, Parcel, ParcelStatus, Report
from storefront.repositories.aurora.parcels import Found
from storefront.services import carrier_events, parcels
from storefront.stores import Stores

STATUSES = sorted({*CARRIER_STATUSES, ParcelStatus.CANCELLED})


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser("track", help="record what the carrier says of a parcel")
    parser.add_argument(
        "code", metavar="CODE", help="its tracking code, or the number of an order that has one parcel"
    )
    parser.add_argument("status", metavar="STATUS", choices=STATUSES, help=", ".join(STATUSES))
    parser.add_argument("--carrier", default="", metavar="NAME", help="whose code it is, if several use it")
    parser.add_argument("--at", type=_time, metavar="TIME", help="when, in ISO 8601; UTC unless it says else")
    parser.add_argument("--place", default="", metavar="TEXT")
    parser.add_argument("--message", default="", metavar="TEXT")
    parser.add_argument("--estimated", metavar="DATE", type=date.fromisoformat, help="such as 2026-11-30")
    parser.set_defaults(run=run)


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def run(args: argparse.Namespace, context: Context) -> int:
    stores, status = context.stores, ParcelStatus(args.status)
    found = _find(stores, args.code, args.carrier)
    parcel = _parcel(stores, found)
    if status is ParcelStatus.CANCELLED:
        parcels.cancel(stores, found)
    else:
        report = Report(
            event_id=f"operator:{uuid4()}",
            status=status,
            at=args.at or stores.orders.now(),
            place=args.place,
            message=args.message,
            estimated_delivery=args.estimated,
        )
        carrier_events.record(stores, CarrierEvent(parcel.tracking_code, report, parcel.carrier))
    order, after = stores.orders.summary(found.order_id), _parcel(stores, found)
    print(
        f"Parcel {parcel.tracking_code} with {parcel.carrier}: {status} is recorded. "
        f"Order {order.number} is now {order.status}."
    )
    if after.status is not status:
        print(f"The parcel stays {after.status}: a carrier's status never moves one backwards.")
    return 0


def _find(stores: Stores, code: str, carrier: str) -> Found:
    found = stores.parcels.find(code, carrier)
    if len(found) > 1:
        raise Conflict(f"Several carriers have a parcel {code}: say whose with --carrier.")
    if found:
        return found[0]
    number = read_order_number(code)
    if number is None:
        raise NotFound(f"There is no parcel {code}")
    order_id = stores.orders.find_number(number)
    of_order = stores.parcels.of(order_id)
    if len(of_order) != 1:
        raise Conflict(f"Order {number} has {len(of_order) or 'no'} parcels: name one by its code.")
    return Found(of_order[0].parcel_id, order_id)


def _parcel(stores: Stores, found: Found) -> Parcel:
    return next(p for p in stores.parcels.of(found.order_id) if p.parcel_id == found.parcel_id)
