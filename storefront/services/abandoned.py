"""The end of what nobody came back for: carts wait for ninety days, as the pages say."""

from __future__ import annotations

import time
from datetime import timedelta

from storefront.stores import Stores, again_if_lost

KEEP_CARTS = timedelta(days=90)
KEEP_CLAIMS = timedelta(days=180)
"""A guest's cookie that was never renewed is read for 90 days: twice that is more than enough."""
A_DAY = timedelta(days=1)
BATCH = 500
EVERY = 3600.0
"""Seconds between two looks: carts age by the day."""


@again_if_lost
def delete_carts(stores: Stores, limit: int = BATCH) -> int:
    """Delete a batch of abandoned carts; how many. A batch that was cut off is begun again."""
    with stores.transaction():
        return stores.abandoned.delete_carts(KEEP_CARTS, limit)


@again_if_lost
def forget_visitors(stores: Stores) -> None:
    with stores.transaction():
        stores.abandoned.forget_visitors(KEEP_CLAIMS, A_DAY)


class Tidying:
    """The worker's job: a batch of carts a round until there are no more, once an hour."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, stores: Stores) -> int:
        if time.monotonic() < self._next:
            return 0
        done = delete_carts(stores)
        if done < BATCH:
            forget_visitors(stores)
            self._next = time.monotonic() + EVERY
        return done
