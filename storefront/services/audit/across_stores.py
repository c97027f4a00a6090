"""What the worker must have done within a round, and what DynamoDB must tell as Aurora does (I7, I15).

Both stores are read one after the other, without a transaction around them, so a difference may be one that
is just being carried over. It counts only if it is still there a worker's round later.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import text

from storefront.domain.orders import OrderStatus
from storefront.repositories.dynamodb.deliveries import Written
from storefront.services.audit.finding import ROUND, Finding, Progress, Remedy
from storefront.stores import Stores

PAGE = 1000
BATCH = 100
"""Keys in one BatchGetItem at most."""

_ORDERS = """
    SELECT order_id, number, status, delivery,
           expires_at < clock_timestamp() - CAST(:round AS interval) AS overdue
      FROM orders WHERE
"""
_AFTER = text(_ORDERS + "order_id > :after ORDER BY order_id LIMIT :page")
_THESE = text(_ORDERS + "order_id = ANY(:ids)")
_ROUND = f"{ROUND} seconds"
_NEVER_PAID = (OrderStatus.PENDING, OrderStatus.EXPIRED, OrderStatus.CANCELLED)


def suspects(
    stores: Stores, only: Collection[UUID] | None, *, due: bool, of: int, progress: Progress
) -> Iterator[Finding]:
    """Orders that differ between the stores, of all or ``only`` of some.

    ``due``: and what a worker should have done by now. ``of`` is how many orders there are, about.

    Raises:
        StoreUnavailable: DynamoDB is away.
    """
    done = 0
    for page in _some(stores, only) if only is not None else _all(stores):
        written: dict[UUID, Written] = {}
        for start in range(0, len(page), BATCH):
            written |= stores.deliveries.written([row.order_id for row in page[start : start + BATCH]])
        for row in page:
            yield from _compare(row, written, due)
        done += len(page)
        progress("shipments", done, max(of, done))


def _all(stores: Stores) -> Iterator[Sequence[Any]]:
    after = UUID(int=0)
    while page := stores.db.rows(_AFTER, {"after": after, "round": _ROUND, "page": PAGE}):
        yield page
        after = page[-1].order_id


def _some(stores: Stores, only: Collection[UUID]) -> Iterator[Sequence[Any]]:
    rest = iter(only)
    while ids := list(islice(rest, PAGE)):
        yield stores.db.rows(_THESE, {"ids": ids, "round": _ROUND})


def _compare(row: Any, written: Mapping[UUID, Written], due: bool) -> Iterator[Finding]:
    shipment = written.get(row.order_id)

    def found(invariant: str, words: str, remedy: Remedy | None = None, advice: str = "") -> Finding:
        return Finding(invariant, f"Order {row.number} {words}", row.order_id, remedy=remedy, advice=advice)

    if row.delivery is None:
        if due and row.status == OrderStatus.PENDING and row.overdue:
            yield found("I15", "is still pending after its hold has ended", Remedy.REQUEUE)
        if due and row.status == OrderStatus.PAID:
            yield found("I7", "is paid, but still waits for its shipment", Remedy.REQUEUE)
        if shipment and row.status in _NEVER_PAID:
            yield found(
                "I7",
                f"is {row.status}, but DynamoDB has a shipment of it",
                advice="Make sure that no parcel goes out for it.",
            )
        if shipment and row.status == OrderStatus.REFUNDED and shipment.status != "cancelled":
            yield found("I7", "is refunded, but DynamoDB has a shipment to send", Remedy.STOP_PARCEL)
    elif shipment is None:
        if row.delivery["status"] != "cancelled":
            yield found("I7", "has a delivery, but DynamoDB has no shipment of it", Remedy.CARRY_OVER)
    elif row.delivery["projected"]:
        told = row.delivery["status"], int(row.delivery["version"])
        # The version says which of two changes is the later; a new shipment has none, and is the first.
        if shipment.status != told[0] or shipment.version > told[1]:
            yield found(
                "I7",
                f"has a parcel that is {told[0]} ({told[1]}) in Aurora, "
                f"but {shipment.status} ({shipment.version}) in DynamoDB",
                Remedy.CARRY_OVER,
            )
    elif due:
        yield found("I7", "has news of its parcel that DynamoDB does not tell yet", Remedy.REQUEUE)
