"""The end of personal data: orders keep it for a number of days, then only what the books need."""

from __future__ import annotations

import time
from datetime import timedelta

from storefront.stores import Stores, again_if_lost

BATCH = 200
EVERY = 3600.0
"""Seconds between two looks at old orders: they age by the day."""


@again_if_lost
def scrub(stores: Stores, days: int) -> int:
    """Take e-mail, address and shopper off a batch of ended orders older than ``days``; how many."""
    with stores.transaction():
        return stores.customer_orders.scrub(timedelta(days=days), BATCH)


class Retention:
    """The worker's job: looks once an hour, and goes on while there is more to do."""

    def __init__(self, days: int) -> None:
        self._days = days
        self._next = 0.0

    def __call__(self, stores: Stores) -> int:
        if time.monotonic() < self._next:
            return 0
        done = scrub(stores, self._days)
        if not done:
            self._next = time.monotonic() + EVERY
        return done
