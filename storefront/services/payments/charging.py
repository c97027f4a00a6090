"""Charging a saved card with an order, in one step: prepared, its id stored, and only then charged.

Whatever is lost on the way, ``settlement.settle`` finds out by that id how it ended.
"""

from __future__ import annotations

from enum import StrEnum

from storefront.domain.errors import PaymentRefused, PaymentUnavailable
from storefront.domain.order_views import OrderSummary
from storefront.payments.provider import AttemptState, CardCharge, Waiting
from storefront.payments.stripe_client import Stripe
from storefront.payments.translation import FRESH_KEY
from storefront.services.payments import attempts, settlement
from storefront.stores import Stores


class Onward(StrEnum):
    """Where the shopper goes from here."""

    ORDER = "order"
    """To the order's page: paid, declined or still being checked, it says so."""
    HOSTED_PAGE = "hosted_page"
    """To Stripe's page, by a new attempt: the bank wants to ask the shopper something."""


def charge(
    stores: Stores, stripe: Stripe, order: OrderSummary, stripe_customer: str, token: str, return_url: str
) -> Onward:
    """Charge ``token``, a card of ``stripe_customer``, with an order's total.

    ``return_url`` is where a bank that asks the shopper something would send them back to.

    Repeatable: a second submit goes on with the intent of the first, which succeeds at most once.

    Raises:
        HoldLapsed: the hold is over, or another attempt was started in the same moment.
        PaidMeanwhile: the order is paid, or may be.
        PaymentUnavailable: Stripe does not answer; nothing was charged by this call.
    """
    attempts.require_payable(order)
    if order.external_ref is not None:
        attempt = attempts.open_attempt(
            stores,
            stripe,
            order,
            lambda attempt: attempt.waiting is Waiting.CONFIRMATION and attempt.method == token,
        )
        if attempt is not None:
            return _confirm(stores, stripe, order, attempt.ref, return_url)
        order = attempts.read_again(stores, order)
    card_charge = CardCharge(
        # With the card, since Stripe refuses a key that comes back with other parameters.
        key=f"{order.payment_id}-{order.attempt}-{token}",
        order_id=str(order.order_id),
        number=order.number,
        cents=order.total_cents,
        stripe_customer=stripe_customer,
        token=token,
        shop=stores.shop_id,
    )
    try:
        attempt = stripe.cards.prepare(card_charge)
    except PaymentRefused as refused:
        if refused.code in FRESH_KEY:
            attempts.skip_attempt(stores, order.order_id, order.attempt)
            order = attempts.read_again(stores, order)
            return charge(stores, stripe, order, stripe_customer, token, return_url)
        attempts.skip_attempt(stores, order.order_id, order.attempt, failure=str(refused))
        return Onward.ORDER
    attempts.store_or_close(stores, stripe, order, attempt.ref)
    return _confirm(stores, stripe, order, attempt.ref, return_url)


def _confirm(stores: Stores, stripe: Stripe, order: OrderSummary, ref: str, return_url: str) -> Onward:
    """Charge the intent ``ref``, whose id is stored."""
    try:
        attempt = stripe.cards.confirm(ref, return_url)
        if attempt.waiting is Waiting.SHOPPER:
            attempt = stripe.close(ref)
            if attempt.state is AttemptState.CLOSED:
                return Onward.HOSTED_PAGE
    except PaymentUnavailable:
        # The bank may have said yes: told as such, and the worker asks.
        settlement.note_checking(stores, order.order_id)
        return Onward.ORDER
    settlement.apply(stores, stripe, order.order_id, attempt)
    return Onward.ORDER
