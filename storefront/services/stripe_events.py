"""What each of Stripe's webhooks makes the shop do: ask for the truth and settle, never believe the event."""

from __future__ import annotations

from uuid import UUID

from storefront.domain.errors import NotFound, NotKnownYet
from storefront.domain.orders import Kind
from storefront.payments.provider import ProviderEvent
from storefront.payments.stripe_client import Stripe
from storefront.services import payments
from storefront.stores import Stores

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


def handle(stores: Stores, stripe: Stripe, event: ProviderEvent, currency: str) -> None:
    """Let an order follow an event. Without our metadata it is somebody else's: nothing happens.

    Raises:
        NotKnownYet: the order is ours but not committed yet; Stripe must send it again.
        PaymentUnavailable: Stripe does not answer; the event must come again.
    """
    if event.type not in SETTLING | REFUNDS | {DISPUTE}:
        return
    order_id = _order(stripe, event)
    if order_id is None:
        return
    try:
        stores.orders.head(order_id)
    except NotFound:
        raise NotKnownYet("This order is not known yet") from None
    if event.type in SETTLING:
        _settle(stores, stripe, order_id, event, currency)
    elif event.type in REFUNDS:
        if event.intent:
            state = stripe.refund_state(event.intent)
            if state is not None and _is_the_orders(stores, stripe, order_id, event.intent):
                payments.record_refund(stores, order_id, state)
    else:
        with stores.transaction():
            stores.events.record(order_id, Kind.DISPUTED, event_id=f"stripe:{event.ref}")


def _order(stripe: Stripe, event: ProviderEvent) -> UUID | None:
    text = event.order_id
    if text is None and event.intent is not None and event.type not in SETTLING:
        text = stripe.order_of_intent(event.intent)
    try:
        return UUID(text) if text else None
    except ValueError:
        return None


def _settle(stores: Stores, stripe: Stripe, order_id: UUID, event: ProviderEvent, currency: str) -> None:
    ref = stores.orders.head(order_id).external_ref
    if ref is not None:
        attempt = stripe.look(ref)
        payments.apply(stores, order_id, attempt, currency)
        if event.ref in (attempt.ref, attempt.intent):
            return
    # Told of another payment object: if it took money for this order, that is a second capture.
    payments.apply(stores, order_id, stripe.look(event.ref), currency)


def _is_the_orders(stores: Stores, stripe: Stripe, order_id: UUID, intent: str) -> bool:
    ref = stores.orders.head(order_id).external_ref
    return ref is not None and stripe.look(ref).intent == intent
