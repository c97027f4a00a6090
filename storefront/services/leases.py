"""Work through orders a worker has claimed, so that no order and no outage holds up the others."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from uuid import UUID

import structlog

from storefront.domain.errors import PaymentUnavailable, StoreUnavailable
from storefront.stores import Stores, again_if_lost

log = structlog.get_logger()


def each(stores: Stores, order_ids: Iterable[UUID], work: Callable[[UUID], object]) -> int:
    """Do ``work`` for every claimed order; for how many it was done.

    An order that fails by itself is logged and left until its lease is over. A store that does not answer
    ends it, as does being told to stop, and the rest is given back at once: a claim is on the whole order, so
    that one that waits for DynamoDB would otherwise wait with its refund, too. The order is random, lest the
    same order, failing first each time, keep the others from their turn.

    Raises:
        StoreUnavailable, PaymentUnavailable: as ``work`` does.
    """
    left = list(order_ids)
    random.shuffle(left)
    done = 0
    while left:
        if stores.ending():
            release(stores, left)
            break
        try:
            work(left[-1])
            done += 1
        except (StoreUnavailable, PaymentUnavailable):
            release(stores, left)
            raise
        except Exception:
            log.exception("order_failed", order_id=str(left[-1]))
        left.pop()
    return done


@again_if_lost
def release(stores: Stores, order_ids: Iterable[UUID]) -> None:
    """End claims before their lease is over."""
    with stores.transaction():
        stores.order_queues.release(order_ids)
