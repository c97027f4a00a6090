"""What the worker must have done within a round, and what DynamoDB must tell as Aurora does (I7, I15).

Both stores are read one after the other, without a transaction around them, so a difference may be one that
is just being carried over. It counts only if it is still there a worker's round later.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from storefront.audit.finding import ROUND, Finding, Progress, Remedy
from storefront.domain.orders import OrderStatus
from storefront.repositories.aurora.reading import records
from storefront.repositories.dynamodb.deliveries import Written
from storefront.stores import Stores

PAGE = 1000
BATCH = 100
"""Keys in one BatchGetItem at most."""

_ORDERS = """
    SELECT order_id, number, status,
           expires_at < clock_timestamp() - CAST(:round AS interval) AS overdue,
           delivery ->> 'status' AS shipment,
           (delivery ->> 'version')::int AS version,
           (delivery ->> 'projected')::boolean AS projected,
           (SELECT jsonb_object_agg(p.parcel_id, p.status) FROM parcels p
             WHERE p.order_id = orders.order_id) AS parcels
      FROM orders WHERE
"""
_AFTER = text(_ORDERS + "order_id > :after ORDER BY order_id LIMIT :page")
_THESE = text(_ORDERS + "order_id = ANY(:ids)")
_INTERVAL = f"{ROUND} seconds"
_NEVER_PAID = (OrderStatus.PENDING, OrderStatus.EXPIRED, OrderStatus.CANCELLED)


class Told(NamedTuple):
    """What Aurora tells of an order and, once it has them, of its shipment and the status of each parcel."""

    order_id: UUID
    number: str
    status: str
    overdue: bool
    shipment: str | None
    version: int | None
    projected: bool | None
    parcels: Mapping[str, str] | None

    def found(self, invariant: str, words: str, remedy: Remedy | None = None, advice: str = "") -> Finding:
        return Finding(invariant, f"Order {self.number} {words}", self.order_id, remedy=remedy, advice=advice)


def suspects(
    stores: Stores, only: Collection[UUID] | None, *, due: bool, of: int, progress: Progress
) -> Iterator[Finding]:
    """Orders that differ between the stores, of all or ``only`` of some.

    ``due``: and what a worker should have done by now. ``of`` is how many orders there are, about.

    Raises:
        StoreUnavailable: a store does not answer.
    """
    done = 0
    for page in _some(stores, only) if only is not None else _all(stores):
        written: dict[UUID, Written] = {}
        for start in range(0, len(page), BATCH):
            written |= stores.deliveries.written([row.order_id for row in page[start : start + BATCH]])
        for row in page:
            yield from _compare(row, written.get(row.order_id), due)
        done += len(page)
        progress("shipments", done, max(of, done))


def _all(stores: Stores) -> Iterator[Sequence[Told]]:
    after = UUID(int=0)
    while page := records(Told, stores.db.rows(_AFTER, {"after": after, "round": _INTERVAL, "page": PAGE})):
        yield page
        after = page[-1].order_id


def _some(stores: Stores, only: Collection[UUID]) -> Iterator[Sequence[Told]]:
    rest = iter(only)
    while ids := list(islice(rest, PAGE)):
        yield records(Told, stores.db.rows(_THESE, {"ids": ids, "round": _INTERVAL}))


def _compare(order: Told, shipment: Written | None, due: bool) -> Iterator[Finding]:
    if order.shipment is None:
        if due:
            yield from _left_waiting(order)
        if shipment:
            yield from _shipment_without_delivery(order, shipment)
    elif shipment is None:
        if order.shipment != "cancelled":
            yield order.found("I7", "has a delivery, but DynamoDB has no shipment of it", Remedy.CARRY_OVER)
    elif order.projected:
        yield from _told_otherwise(order, shipment)
    elif due:
        yield order.found("I7", "has news of its parcels that DynamoDB does not tell yet", Remedy.REQUEUE)


def _left_waiting(order: Told) -> Iterator[Finding]:
    if order.status == OrderStatus.PENDING and order.overdue:
        yield order.found("I15", "is still pending after its hold has ended", Remedy.REQUEUE)
    if order.status == OrderStatus.PAID:
        yield order.found("I7", "is paid, but still waits for its shipment", Remedy.REQUEUE)


def _shipment_without_delivery(order: Told, shipment: Written) -> Iterator[Finding]:
    if order.status in _NEVER_PAID:
        yield order.found(
            "I7",
            f"is {order.status}, but DynamoDB has a shipment of it",
            advice="Make sure that no parcel goes out for it.",
        )
    if order.status == OrderStatus.REFUNDED and shipment.status != "cancelled":
        yield order.found("I7", "is refunded, but DynamoDB has a shipment to send", Remedy.STOP_PARCEL)


def _told_otherwise(order: Told, shipment: Written) -> Iterator[Finding]:
    # The version says which of two changes is the later; a new shipment has none, and is the first.
    if shipment.status != order.shipment or shipment.version > (order.version or 0):
        yield order.found(
            "I7",
            f"has a shipment that is {order.shipment} ({order.version}) in Aurora, "
            f"but {shipment.status} ({shipment.version}) in DynamoDB",
            Remedy.CARRY_OVER,
        )
    elif {str(parcel_id): status for parcel_id, status in shipment.parcels.items()} != (order.parcels or {}):
        yield order.found("I7", "has other parcels in Aurora than in DynamoDB", Remedy.CARRY_OVER)
