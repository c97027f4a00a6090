"""The end of holds: lapsed orders give their stock back, after Stripe can't take money for them any more."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import structlog

from storefront.domain.errors import PaymentRefused, PaymentUnavailable
from storefront.domain.orders import Kind
from storefront.payments.provider import Attempt, AttemptState
from storefront.payments.stripe_client import Stripe
from storefront.services import payments
from storefront.stores import Stores, again_if_lost

log = structlog.get_logger()

BATCH = 100
LEASE = timedelta(seconds=20)
"""Longer than a batch takes with Stripe answering at its slowest; a killed worker's claims wait that long."""
CLOSERS = 8


def expire_lapsed(stores: Stores, stripe: Stripe, currency: str) -> int:
    """End a batch of lapsed holds; how many ended.

    Claimed and committed first, so that no transaction spans the calls to Stripe. What Stripe does not
    answer for stays pending, its stock held, until the lease is over.
    """
    with stores.transaction():
        claimed = stores.orders.claim_lapsed(BATCH, LEASE)
    if not claimed:
        return 0
    closed = [order_id for order_id, ref in claimed if ref is None]
    with_page = [(order_id, ref) for order_id, ref in claimed if ref is not None]
    for order_id, attempt in _close_all(stripe, with_page):
        if attempt is None:
            continue
        if attempt.state is AttemptState.CLOSED:
            closed.append(order_id)
        else:
            payments.apply(stores, order_id, attempt, currency)
    return len(_release(stores, closed)) if closed else 0


def _close_all(stripe: Stripe, claimed: list[tuple[UUID, str]]) -> list[tuple[UUID, Attempt | None]]:
    def close(claim: tuple[UUID, str]) -> tuple[UUID, Attempt | None]:
        order_id, ref = claim
        try:
            return order_id, stripe.close(ref)
        except (PaymentUnavailable, PaymentRefused) as error:
            log.warning("session_not_closed", order_id=str(order_id), reason=str(error))
            return order_id, None

    if not claimed:
        return []
    with ThreadPoolExecutor(CLOSERS) as pool:
        return list(pool.map(close, claimed))


@again_if_lost
def _release(stores: Stores, order_ids: list[UUID]) -> list[UUID]:
    """Compare-and-set to expired, many orders at once, with their stock back in SKU order."""
    with stores.transaction():
        expired = stores.orders.expire(order_ids)
        stores.stock.release(cart_id for _, cart_id in expired)
        for order_id, _ in expired:
            stores.events.record(order_id, Kind.EXPIRED)
    return [order_id for order_id, _ in expired]


@again_if_lost
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
        stores.events.record(order_id, Kind.EXTENDED, {"until": order.expires_at.isoformat()})
