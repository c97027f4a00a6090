"""Paying an order with a kept card, in one step: prepared, its id stored, and only then charged.

Whatever is lost on the way, ``payments.settle`` finds out by that id how it ended.
"""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from storefront.domain.errors import PaymentRefused, PaymentUnavailable
from storefront.payments.provider import AttemptState, CardCharge, Waiting
from storefront.payments.stripe_client import Stripe
from storefront.services import payments
from storefront.stores import Stores


class Onward(StrEnum):
    """Where the shopper goes from here."""

    ORDER = "order"
    """To the order's page: paid, declined or still being checked, it says so."""
    HOSTED_PAGE = "hosted_page"
    """To Stripe's page, by a new attempt: the bank wants to ask the shopper something."""


def pay(stores: Stores, stripe: Stripe, order_id: UUID, customer: str, token: str, currency: str) -> Onward:
    """Charge ``token``, a card of Stripe's ``customer``, with an order's total.

    Repeatable: a second submit goes on with the intent of the first, which succeeds at most once.

    Raises:
        HoldLapsed: the hold is over, or another attempt was started in the same moment.
        PaidMeanwhile: the order is paid, or may be.
        PaymentUnavailable: Stripe does not answer; nothing was charged by this call.
    """
    order = payments.payable(stores, order_id)
    if order.external_ref is not None:
        attempt = payments.open_attempt(
            stores,
            stripe,
            order,
            currency,
            lambda attempt: attempt.waiting is Waiting.CONFIRMATION and attempt.method == token,
        )
        if attempt is not None:
            return _charge(stores, stripe, order_id, attempt.ref, currency)
        order = payments.payable(stores, order_id)
    charge = CardCharge(
        # With the card, since Stripe refuses a key that comes back with other parameters.
        key=f"{order.payment_id}-{order.attempt}-{token}",
        order_id=str(order_id),
        number=order.number,
        cents=order.total_cents,
        currency=currency,
        customer=customer,
        token=token,
    )
    try:
        attempt = stripe.cards.prepare(charge)
    except PaymentRefused as refused:
        payments.skip_attempt(stores, order_id, order.attempt, failure=str(refused))
        return Onward.ORDER
    payments.hold_or_close(stores, stripe, order, attempt.ref)
    return _charge(stores, stripe, order_id, attempt.ref, currency)


def _charge(stores: Stores, stripe: Stripe, order_id: UUID, ref: str, currency: str) -> Onward:
    try:
        attempt = stripe.cards.confirm(ref)
        if attempt.waiting is Waiting.SHOPPER:
            attempt = stripe.close(ref)
            if attempt.state is AttemptState.CLOSED:
                return Onward.HOSTED_PAGE
    except PaymentUnavailable:
        # The bank may have said yes: told as such, and the worker asks.
        payments.note_checking(stores, order_id)
        return Onward.ORDER
    payments.apply(stores, order_id, attempt, currency)
    return Onward.ORDER
