"""Stripe's answers and errors in the shop's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import stripe

from storefront.domain.accounts import SavedCard
from storefront.domain.errors import PaymentRefused, PaymentUnavailable
from storefront.domain.payments import Provider
from storefront.payments.provider import Attempt, AttemptState, RefundState, Waiting


def of_session(session: stripe.checkout.Session) -> Attempt:
    """A hosted page as an attempt; what its intent tells of it only where that was expanded."""
    intent = session.payment_intent
    known = intent if isinstance(intent, stripe.PaymentIntent) else None
    paid = session.payment_status == "paid"
    return Attempt(
        ref=session.id,
        state=_state(session, known),
        captured_cents=(session.amount_total or 0) if paid else 0,
        currency=(session.currency or "").upper(),
        intent=_id(intent),
        url=session.url,
        order_id=_noted(session, "order_id"),
        shop=_noted(session, "shop"),
        failure=_failure(known) if known else None,
        stripe_customer=_id(session.customer),
        card=_saved(known.payment_method) if known else None,
    )


def _state(session: stripe.checkout.Session, intent: stripe.PaymentIntent | None) -> AttemptState:
    if session.payment_status == "paid":
        return AttemptState.CAPTURED
    if intent is not None and intent.status == "processing":
        return AttemptState.PROCESSING
    return _SESSION_STATES.get(session.status or "", AttemptState.CLOSED)


_SESSION_STATES = {
    "open": AttemptState.OPEN,
    # Filled in, and not paid yet.
    "complete": AttemptState.PROCESSING,
}

REMEMBERED = "remembered_failure"
"""The code of a refusal that only repeats an earlier failure of Stripe's own."""
CHANGED = "changed_parameters"
"""The code of a refusal because the key was used before with other parameters, by an earlier version say."""
FRESH_KEY = frozenset({REMEMBERED, CHANGED})
"""Refusals of the key and not of what was asked: with another key it goes on."""

MISSING = "resource_missing"
CUSTOMER_GONE = "customer_missing"
"""The code of a refusal because the customer named was deleted at Stripe, or never was there."""

_INTENT_STATES = {
    "succeeded": AttemptState.CAPTURED,
    "processing": AttemptState.PROCESSING,
    "canceled": AttemptState.CLOSED,
}
_WAITING = {
    "requires_confirmation": Waiting.CONFIRMATION,
    "requires_action": Waiting.SHOPPER,
    "requires_payment_method": Waiting.CARD,
}


def of_intent(intent: stripe.PaymentIntent) -> Attempt:
    return Attempt(
        ref=intent.id,
        state=_INTENT_STATES.get(intent.status, AttemptState.OPEN),
        captured_cents=intent.amount_received,
        currency=intent.currency.upper(),
        intent=intent.id,
        order_id=_noted(intent, "order_id"),
        shop=_noted(intent, "shop"),
        failure=_failure(intent),
        stripe_customer=_id(intent.customer),
        waiting=_WAITING.get(intent.status),
        method=_id(intent.payment_method),
    )


def of_card(method: stripe.PaymentMethod) -> SavedCard:
    """A payment method of type card."""
    card = method.card
    if card is None:
        raise PaymentUnavailable(f"Stripe tells no card of {method.id}")
    return SavedCard(
        provider=Provider.STRIPE,
        token=method.id,
        brand=card.brand or "card",
        last4=card.last4 or "",
        expiry=f"{card.exp_month:02}/{card.exp_year % 100:02}",
        fingerprint=card.fingerprint or "",
    )


def _saved(method: stripe.PaymentMethod | str | None) -> SavedCard | None:
    """The card of a payment, if it belongs to a customer from now on."""
    if isinstance(method, stripe.PaymentMethod) and method.customer and method.card:
        return of_card(method)
    return None


class _Named(Protocol):
    @property
    def id(self) -> str: ...


def _id(one: _Named | str | None) -> str | None:
    """The id of what Stripe gives as an id or, where that was asked for, in full."""
    return one if one is None or isinstance(one, str) else one.id


def _noted(one: stripe.checkout.Session | stripe.PaymentIntent, name: str) -> str | None:
    """What was noted on an object when it was made."""
    noted: str | None = getattr(one.metadata, name, None)
    return noted


def _failure(intent: stripe.PaymentIntent) -> str | None:
    error = intent.last_payment_error
    return (error.message or "The payment was declined.") if error else None


def of_refund(status: str | None) -> RefundState:
    if status == "succeeded":
        return RefundState.DONE
    if status in ("failed", "canceled"):
        return RefundState.REFUSED
    return RefundState.PENDING


@contextmanager
def stripe_errors() -> Iterator[None]:
    """Turn the library's errors into the shop's.

    Raises:
        PaymentRefused: a definite no: the card's or the request's.
        PaymentUnavailable: everything whose outcome is unknown, our own wrong key included.
    """
    try:
        yield
    except stripe.CardError as error:
        raise PaymentRefused(
            error.user_message or "Your card was declined.",
            str(getattr(error, "decline_code", None) or error.code),
        ) from None
    except stripe.IdempotencyError as error:
        if error.http_status == 409:
            # The first call by this key is still under way.
            raise PaymentUnavailable("Our payment service does not answer right now.") from error
        raise PaymentRefused("Stripe refused this", CHANGED) from error
    except stripe.InvalidRequestError as error:
        gone = error.code == MISSING and error.param == "customer"
        raise PaymentRefused(
            str(error.user_message or "Stripe refused this"), CUSTOMER_GONE if gone else str(error.code or "")
        ) from error
    except stripe.StripeError as error:
        raise PaymentUnavailable("Our payment service does not answer right now.") from error


@contextmanager
def forgetting_failures() -> Iterator[None]:
    """For calls that can't move money: a failure of Stripe's that it remembers by the key is a definite no.

    Stripe answers a key with its first answer for a day, failures of its own included; only a fresh key
    gets further. Whatever the first call made, nobody has its address.

    Raises:
        PaymentRefused: this key will never get another answer.
    """
    try:
        yield
    except PaymentUnavailable as error:
        headers = {
            name.lower(): value for name, value in (getattr(error.__cause__, "headers", None) or {}).items()
        }
        if headers.get("idempotent-replayed") == "true":
            raise PaymentRefused(str(error), REMEMBERED) from error
        raise
