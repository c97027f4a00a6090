"""The end of holds: lapsed orders give their stock back, after Stripe can't take money for them any more."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import structlog

from storefront.domain.errors import PaymentRefused, PaymentUnavailable
from storefront.domain.orders import EventKind
from storefront.payments.provider import Attempt, AttemptState
from storefront.payments.stripe_client import Stripe
from storefront.services import leases
from storefront.services.payments import settlement
from storefront.stores import Stores, again_if_lost, again_if_undone

log = structlog.get_logger()

BATCH = 200
UNASKED = 500
"""Orders that end in one transaction where Stripe needn't be asked."""
SECONDS = 2.0
"""For which pages are closed before orders that need no Stripe have their turn again."""
LEASE = timedelta(seconds=20)
"""Longer than a batch takes while Stripe answers; a killed worker's claims wait that long."""
CLOSERS = 24
"""Pages closed side by side: enough for Stripe's rate at a quarter of a second a call."""
NONE: Mapping[UUID, str] = {}


def expire_lapsed(stores: Stores, stripe: Stripe) -> int:
    """End a batch of lapsed holds; how many ended. Those without a payment page first, at once.

    The others are claimed and committed first, so that no transaction spans the calls to Stripe.
    What Stripe does not answer for stays pending, its stock held, and is tried again in the next round.
    """
    ended = _expire_unasked(stores)
    with stores.transaction():
        claimed = stores.order_queues.claim_lapsed(BATCH, LEASE)
    if not claimed:
        return ended
    pages = {claim.order_id: claim.external_ref for claim in claimed if claim.external_ref is not None}
    attempts, unanswered = _close_all(stores, stripe, pages)
    if unanswered:
        leases.release(stores, unanswered)
    closed = [claim.order_id for claim in claimed if claim.external_ref is None]
    closed += [order_id for order_id, attempt in attempts.items() if attempt.state is AttemptState.CLOSED]
    unknown = {order_id: pages[order_id] for order_id, attempt in attempts.items() if attempt.unknown}
    ended += _expire(stores, closed, unknown) if closed else 0
    leases.each(
        stores,
        attempts.keys() - set(closed),
        lambda order_id: settlement.apply(stores, stripe, order_id, attempts[order_id]),
    )
    return ended


def _close_all(
    stores: Stores, stripe: Stripe, pages: dict[UUID, str]
) -> tuple[dict[UUID, Attempt], list[UUID]]:
    """What became of each payment page, and the orders for whose page Stripe did not answer or wasn't asked.

    After one time-out no more pages are asked about: a hundred of them would outlast every lease. Neither are
    they after ``SECONDS``, nor once the worker is told to stop.
    """
    until = time.monotonic() + SECONDS
    unavailable = threading.Event()
    attempts: dict[UUID, Attempt] = {}
    unanswered: list[UUID] = []

    def close(order_id: UUID) -> None:
        try:
            if not (unavailable.is_set() or stores.ending() or time.monotonic() > until):
                attempts[order_id] = stripe.close(pages[order_id])
                return
        except PaymentUnavailable:
            unavailable.set()
        except PaymentRefused as error:
            # Asked again when the lease is over.
            log.error("session_not_closed", order_id=str(order_id), reason=str(error))
            return
        unanswered.append(order_id)

    if pages:
        # In random order, lest one page that never answers keep the others from their turn.
        with ThreadPoolExecutor(CLOSERS) as pool:
            list(pool.map(close, random.sample(list(pages), len(pages))))
    return attempts, unanswered


@again_if_lost
def _expire(stores: Stores, order_ids: list[UUID], unknown: Mapping[UUID, str] = NONE) -> int:
    """Compare-and-set to expired, many orders at once, with their stock back in SKU order; how many.

    ``unknown`` are the payment objects, by order, that Stripe does not know.
    """
    with stores.transaction():
        return _end(stores, order_ids, unknown)


@again_if_lost
def _expire_unasked(stores: Stores) -> int:
    """The same for lapsed orders without a payment object: none can get one while they are locked."""
    with stores.transaction():
        order_ids = stores.order_queues.lock_unasked(UNASKED)
        return _end(stores, order_ids, NONE) if order_ids else 0


def _end(stores: Stores, order_ids: list[UUID], unknown: Mapping[UUID, str]) -> int:
    expired = stores.orders.expire(order_ids)
    stores.stock.release(one.cart_id for one in expired)
    stores.events.record_of_each([one.order_id for one in expired], EventKind.EXPIRED)
    for one in expired:
        if one.order_id in unknown:
            settlement.lost_sight_of(stores, one.order_id, unknown[one.order_id])
    return len(expired)


@again_if_undone
def extend(stores: Stores, order_id: UUID) -> None:
    """One more hold period for an order, once.

    Raises:
        NotFound: there is no such order.
        HoldLapsed: the hold is over, or was extended before.
    """
    with stores.transaction():
        order, _ = stores.orders.lock(order_id)
        order.extend(stores.orders.now())
        order.claimed_until = None
        stores.events.record(order_id, EventKind.EXTENDED, {"until": order.expires_at.isoformat()})
