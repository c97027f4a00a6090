"""Stripe's answers and errors in the shop's words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import stripe

from storefront.domain.accounts import SavedCard
from storefront.domain.errors import PaymentRefused, PaymentUnavailable
from storefront.domain.orders import Provider
from storefront.payments.provider import Attempt, AttemptState, RefundState, Waiting


def of_session(session: Any) -> Attempt:
    told = session.to_dict() if hasattr(session, "to_dict") else dict(session)
    intent = told.get("payment_intent")
    failure = None
    processing = False
    card = None
    if isinstance(intent, dict):
        failure = _failure(intent)
        processing = intent.get("status") == "processing"
        intent_id = intent["id"]
        card = _kept(intent.get("payment_method"))
    else:
        intent_id = intent
    paid = told.get("payment_status") == "paid"
    if paid:
        state = AttemptState.CAPTURED
    elif processing:
        state = AttemptState.PROCESSING
    elif told.get("status") == "open":
        state = AttemptState.OPEN
    elif told.get("status") == "complete":
        state = AttemptState.PROCESSING
    else:
        state = AttemptState.CLOSED
    return Attempt(
        ref=told["id"],
        state=state,
        captured_cents=int(told.get("amount_total") or 0) if paid else 0,
        currency=str(told.get("currency") or "").upper(),
        intent=intent_id,
        url=told.get("url"),
        order_id=(told.get("metadata") or {}).get("order_id"),
        failure=failure,
        customer=told.get("customer"),
        card=card,
    )


REMEMBERED = "remembered_failure"
"""The code of a refusal that only repeats an earlier failure of Stripe's own."""

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


def of_intent(intent: Any) -> Attempt:
    told = intent.to_dict()
    return Attempt(
        ref=told["id"],
        state=_INTENT_STATES.get(told["status"], AttemptState.OPEN),
        captured_cents=int(told.get("amount_received") or 0),
        currency=str(told.get("currency") or "").upper(),
        intent=told["id"],
        order_id=(told.get("metadata") or {}).get("order_id"),
        failure=_failure(told),
        customer=told.get("customer"),
        waiting=_WAITING.get(told["status"]),
        method=told.get("payment_method"),
    )


def of_card(method: dict[str, Any]) -> SavedCard:
    """A payment method of type card."""
    card = method["card"]
    return SavedCard(
        provider=Provider.STRIPE,
        token=method["id"],
        brand=str(card.get("brand") or "card"),
        last4=str(card["last4"]),
        expiry=f"{card['exp_month']:02}/{card['exp_year'] % 100:02}",
        fingerprint=str(card.get("fingerprint") or ""),
    )


def _kept(method: Any) -> SavedCard | None:
    """The card of a payment, if it belongs to a customer from now on."""
    if isinstance(method, dict) and method.get("customer") and method.get("card"):
        return of_card(method)
    return None


def _failure(intent: dict[str, Any]) -> str | None:
    error = intent.get("last_payment_error")
    return str(error.get("message") or "The payment was declined.") if error else None


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
    except stripe.InvalidRequestError as error:
        raise PaymentRefused(
            str(error.user_message or "Stripe refused this"), str(error.code or "")
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
