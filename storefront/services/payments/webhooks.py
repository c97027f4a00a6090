"""What each of Stripe's webhooks makes the shop do: ask for the truth and settle, never believe the event."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from storefront.domain.attention import AttentionKind
from storefront.domain.errors import NotFound, NotKnownYet
from storefront.domain.order_views import OrderSummary
from storefront.domain.orders import EventKind
from storefront.payments.provider import ProviderEvent
from storefront.payments.stripe_client import Stripe
from storefront.services import attention
from storefront.services.payments import paying_back, saved_cards, settlement
from storefront.stores import Stores, again_if_lost

SETTLING = frozenset(
    {
        "checkout.session.completed",
        "checkout.session.expired",
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
    }
)
REFUNDS = frozenset({"refund.updated", "refund.failed"})
DISPUTE = "charge.dispute.created"


SETUP = "checkout.session.completed"
"""Also told of a page that only saves a card: then with a user and without an order."""
GIVEN_UP = timedelta(days=1)
"""How long an event of ours may come again for an order that is not known. Stripe sends for three days, and
disables an address that never takes what it sends (https://docs.stripe.com/webhooks#retries)."""


def handle(stores: Stores, stripe: Stripe, event: ProviderEvent) -> None:
    """Let an order follow an event. One that does not bear this shop's id is somebody else's, since several
    shops may share an account at Stripe: nothing happens.

    Raises:
        NotKnownYet: the order is ours but not committed yet; Stripe must send it again.
        PaymentUnavailable: Stripe does not answer; the event must come again.
        StoreUnavailable: likewise.
    """
    if event.type not in SETTLING | REFUNDS | {DISPUTE}:
        return
    order_id, user_id = _whose(stores, stripe, event)
    if order_id is None:
        if user_id is not None and event.type == SETUP:
            saved_cards.refresh_after_setup(stores, stripe, user_id)
        return
    try:
        order = stores.orders.summary(order_id)
    except NotFound:
        _unknown(stores, event, order_id)
        return
    if event.type in SETTLING:
        _settle(stores, stripe, order, event)
    elif event.type in REFUNDS:
        paying_back.follow(stores, stripe, order)
    else:
        _disputed(stores, order_id, event.ref)


def _whose(stores: Stores, stripe: Stripe, event: ProviderEvent) -> tuple[UUID | None, UUID | None]:
    """The order that an event is about, and the user, if it is this shop's.

    Disputes bear nothing of ours, nor do refunds that were made at Stripe: their payment does.
    """
    order_id, shop = event.order_id, event.shop
    if order_id is None and event.intent is not None and event.type not in SETTLING:
        intent = stripe.retrieve(event.intent)
        order_id, shop = intent.order_id, intent.shop
    if shop is None or shop != stores.shop_id:
        return None, None
    return _uuid(order_id), _uuid(event.user_id)


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def _unknown(stores: Stores, event: ProviderEvent, order_id: UUID) -> None:
    """An event with this shop's id and an order that it doesn't have: not yet or, after a day, not any more,
    as when the database was restored from a backup."""
    told = datetime.fromtimestamp(event.created, UTC)
    if stores.orders.now() - told < GIVEN_UP:
        raise NotKnownYet("This order is not known yet")
    _never_known(stores, order_id)


@again_if_lost
def _never_known(stores: Stores, order_id: UUID) -> None:
    with stores.transaction():
        attention.raise_(
            stores,
            AttentionKind.ORDER_STUCK,
            f"unknown {order_id}",
            text="Stripe tells of a payment for an order that is not in the database. Refund it there.",
        )


@again_if_lost
def _disputed(stores: Stores, order_id: UUID, ref: str) -> None:
    with stores.transaction():
        if stores.events.record(order_id, EventKind.DISPUTED, event_id=f"stripe:{ref}"):
            attention.raise_(stores, AttentionKind.DISPUTE, ref, order_id)


def _settle(stores: Stores, stripe: Stripe, order: OrderSummary, event: ProviderEvent) -> None:
    if order.external_ref is not None:
        attempt = stripe.retrieve(order.external_ref)
        settlement.apply(stores, stripe, order.order_id, attempt)
        if event.ref in (attempt.ref, attempt.intent):
            return
    # Told of another payment object: if it took money for this order, that is a duplicate capture.
    settlement.apply(stores, stripe, order.order_id, stripe.retrieve(event.ref))
