"""PaymentIntents: made, confirmed, authenticated, cancelled."""

from __future__ import annotations

from typing import Any

from . import cards, charges, methods
from .errors import CardDeclined, no_such
from .render import public
from .store import Doc, Tx, new_id
from .webhooks import emit

CANCELABLE = (
    "requires_payment_method",
    "requires_capture",
    "requires_confirmation",
    "requires_action",
    "processing",
)
FAILED_AUTHENTICATION = cards.Decline(
    "payment_intent_authentication_failure",
    None,
    "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new "
    "PaymentMethod to attempt to fulfill this PaymentIntent again.",
)


def new_intent(
    tx: Tx,
    *,
    amount: int,
    currency: str,
    customer: str | None,
    metadata: dict[str, str],
    session: str | None = None,
    **fields: Any,
) -> Doc:
    id = new_id("pi_3")
    return tx.put(
        {
            "id": id,
            "object": "payment_intent",
            "allowed_payment_method_types": None,
            "amount": amount,
            "amount_capturable": 0,
            "amount_received": 0,
            "application": None,
            "automatic_payment_methods": {"allow_redirects": "always", "enabled": True},
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": "automatic_async",
            "client_secret": new_id(f"{id}_secret_", 25),
            "confirmation_method": "automatic",
            "created": tx.now(),
            "currency": currency,
            "customer": customer,
            "description": None,
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "metadata": metadata,
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": None,
            "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
            "payment_method_types": ["card"],
            "processing": None,
            "receipt_email": None,
            "review": None,
            "setup_future_usage": None,
            "shipping": None,
            "statement_descriptor": None,
            "statement_descriptor_suffix": None,
            "status": "requires_payment_method",
            "transfer_data": None,
            "transfer_group": None,
            "_session": session,
            "_return_url": None,
            **fields,
        }
    )


def confirm(
    tx: Tx,
    intent: Doc,
    method: Doc,
    *,
    off_session: bool = False,
    never_ask: bool = False,
    authenticated: bool = False,
) -> Doc:
    """Charge the method, or leave the intent at ``requires_action`` where its card asks for 3-D Secure.

    ``off_session`` and ``never_ask`` (error_on_requires_action) turn that question into a decline.
    Raises CardDeclined with everything recorded.
    """
    card = methods.card_of(method)
    asks = card.authentication == "always" or (
        card.authentication == "unless_set_up" and not method["_set_up"]
    )
    intent.update(payment_method=method["id"], last_payment_error=None, next_action=None)
    if asks and not authenticated:
        if off_session or never_ask:
            raise _declined(tx, intent, method, cards.AUTHENTICATION_REQUIRED)
        return_url = intent["_return_url"]
        intent["status"] = "requires_action"
        intent["next_action"] = (
            {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": None}}
            if return_url or intent["_session"]
            else {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
        )
        return tx.put(intent)
    if card.decline:
        raise _declined(tx, intent, method, card.decline)
    charge = charges.charge(tx, intent, method)
    intent.update(status="succeeded", amount_received=intent["amount"], latest_charge=charge["id"])
    tx.put(intent)
    method["_spent"] = True
    tx.put(method)
    if intent["setup_future_usage"] and intent["customer"] and method["customer"] is None:
        method["_spent"] = False
        later = intent["setup_future_usage"] == "off_session"
        methods.attach(tx, method, intent["customer"], set_up=later or authenticated)
    emit(tx, "payment_intent.succeeded", intent)
    if card.disputed:
        charges.dispute(tx, charge)
    return intent


def _declined(tx: Tx, intent: Doc, method: Doc, decline: cards.Decline) -> CardDeclined:
    """Record a failed attempt: back to ``requires_payment_method``, a failed charge, an event."""
    charge = charges.charge(tx, intent, method, decline)
    shown = public(method, tx.base)
    reasons = {"code": decline.code, "decline_code": decline.decline_code}
    error = {
        "charge": charge["id"],
        **{name: value for name, value in reasons.items() if value},
        "doc_url": f"https://stripe.com/docs/error-codes/{decline.code.replace('_', '-')}",
        "message": decline.message,
        "payment_method": shown,
        "type": "card_error",
    }
    intent.update(
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        latest_charge=charge["id"],
        last_payment_error=error,
    )
    tx.put(intent)
    emit(tx, "payment_intent.payment_failed", intent)
    return CardDeclined(
        decline.message,
        code=decline.code,
        decline_code=decline.decline_code,
        charge=charge["id"],
        payment_intent=public(intent, tx.base),
        payment_method=shown,
    )


def cancel(tx: Tx, intent: Doc, reason: str | None) -> Doc:
    intent.update(status="canceled", canceled_at=tx.now(), cancellation_reason=reason, next_action=None)
    emit(tx, "payment_intent.canceled", tx.put(intent))
    return intent


def authenticate(tx: Tx, intent: Doc, passed: bool) -> Doc:
    """The cardholder answered the 3-D Secure page. Raises CardDeclined if it failed or the card declines."""
    method = methods.require(tx, intent["payment_method"])
    if not passed:
        raise _declined(tx, intent, method, FAILED_AUTHENTICATION)
    return confirm(tx, intent, method, authenticated=True)


def require(tx: Tx, id: str, param: str | None = None) -> Doc:
    doc = tx.get(id, "payment_intent")
    if doc is None:
        raise no_such("payment_intent", id, param)
    return doc
