"""The end of personal data: guests' orders and those of deleted accounts keep it for a number of days, then
only what the books need. A customer's own orders keep it as long as the account is there."""

from __future__ import annotations

import time
from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from storefront.stores import Stores, again_if_lost

BATCH = 200
EVERY = 3600.0
"""Seconds between two looks at old orders: they age by the day."""


Place = tuple[datetime, UUID]
"""Where a batch of old orders ended: when its last order was placed, and its id."""


def scrub(
    stores: Stores, days: int, after: Place | None = None, *, batch: int = BATCH
) -> tuple[int, Place | None]:
    """Take e-mail, address and shopper off a batch of ended orders older than ``days`` that are no
    account's any more; how many, and where the next batch begins, None at the end.

    Raises:
        StoreUnavailable: a store is; without DynamoDB nobody can tell whose account is left.
    """
    old = stores.customer_orders.old(timedelta(days=days), batch, after)
    customers = {who for who in {one.user_id for one in old} if stores.accounts.profile(who) is not None}
    due = [one.order_id for one in old if one.user_id not in customers]
    done = _take_off(stores, due) if due else 0
    return done, (old[-1].created_at, old[-1].order_id) if len(old) == batch else None


@again_if_lost
def _take_off(stores: Stores, order_ids: Collection[UUID]) -> int:
    with stores.transaction():
        return stores.customer_orders.scrub(order_ids)


class Retention:
    """The worker's job: walks through the old orders a batch at a time, once an hour."""

    def __init__(self, days: int, batch: int = BATCH) -> None:
        self._days = days
        self._batch = batch
        self._next = 0.0
        self._after: Place | None = None

    def __call__(self, stores: Stores) -> int:
        if time.monotonic() < self._next:
            return 0
        done, self._after = scrub(stores, self._days, self._after, batch=self._batch)
        if self._after is None:
            self._next = time.monotonic() + EVERY
        return done
