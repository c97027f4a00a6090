"""PaymentIntents and the charges they make."""

from __future__ import annotations

from typing import Any

from . import cards, methods
from .errors import CardDeclined, bad_param, missing, no_such, wrong_state
from .render import public
from .routing import Call, Routes, listing
from .shared import amount, cards_only, currency, customer_of, usable_method
from .store import Doc, Tx, new_id
from .webhooks import emit

routes = Routes()

CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
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
COMMON = "payment_method setup_future_usage return_url error_on_requires_action receipt_email shipping expand"
CREATE = (
    f"{COMMON} amount currency customer confirm off_session metadata description capture_method "
    "confirmation_method payment_method_types allowed_payment_method_types excluded_payment_method_types "
    "automatic_payment_methods payment_method_options statement_descriptor statement_descriptor_suffix "
    "use_stripe_sdk radar_options"
)
CONFIRM = (
    f"{COMMON} off_session payment_method_types allowed_payment_method_types excluded_payment_method_types "
    "payment_method_options use_stripe_sdk mandate_data radar_options"
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
    charge = _charge(tx, intent, method)
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
        _dispute(tx, charge)
    return intent


def _declined(tx: Tx, intent: Doc, method: Doc, decline: cards.Decline) -> CardDeclined:
    """Record a failed attempt: back to ``requires_payment_method``, a failed charge, an event."""
    charge = _charge(tx, intent, method, decline)
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


def _charge(tx: Tx, intent: Doc, method: Doc, decline: cards.Decline | None = None) -> Doc:
    card = {
        name: value for name, value in method["card"].items() if name not in ("networks", "display_brand")
    }
    paid = decline is None
    outcome = {
        "network_status": "approved_by_network" if paid else "declined_by_network",
        "reason": decline.decline_code or decline.code if decline else None,
        "risk_level": "normal",
        "seller_message": "Payment complete." if paid else "The bank did not accept the payment.",
        "type": "authorized" if paid else "issuer_declined",
    }
    return tx.put(
        {
            "id": new_id("ch_3"),
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": intent["amount"] if paid else 0,
            "amount_refunded": 0,
            "balance_transaction": None,
            "billing_details": method["billing_details"],
            "calculated_statement_descriptor": "TEST SHOP",
            "captured": paid,
            "created": tx.now(),
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_code": decline.code if decline else None,
            "failure_message": decline.message if decline else None,
            "livemode": False,
            "metadata": intent["metadata"],
            "outcome": outcome,
            "paid": paid,
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": {"card": card, "type": "card"},
            "receipt_email": intent["receipt_email"],
            "receipt_url": None,
            "refunded": False,
            "status": "succeeded" if paid else "failed",
            "_card": method["_card"],
        }
    )


def _dispute(tx: Tx, charge: Doc) -> None:
    tx.put({**charge, "disputed": True})
    dispute = {
        "id": new_id("du_1"),
        "object": "dispute",
        "amount": charge["amount"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": tx.now(),
        "currency": charge["currency"],
        "evidence": {},
        "evidence_details": {
            "due_by": tx.now() + 9 * 24 * 3600,
            "has_evidence": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": "fraudulent",
        "status": "needs_response",
    }
    emit(tx, "charge.dispute.created", tx.put(dispute))


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


def _confirm(call: Call, intent: Doc) -> Doc:
    tx, params = call.tx, call.params
    if intent["status"] not in CONFIRMABLE:
        ended = "it has already succeeded after being previously confirmed"
        if intent["status"] == "canceled":
            ended = "it has a status of canceled"
        raise wrong_state(
            f"You cannot confirm this PaymentIntent because {ended}.",
            "payment_intent_unexpected_state",
            payment_intent=public(intent, tx.base),
        )
    given = params.text("payment_method") or intent["payment_method"]
    if given is None:
        raise wrong_state(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either "
            "update the PaymentIntent with a payment method and then confirm it again, or confirm it again "
            "directly with a payment method.",
            "payment_intent_unexpected_state",
            payment_intent=public(intent, tx.base),
        )
    method = usable_method(tx, given, intent["customer"])
    if usage := params.choice("setup_future_usage", "on_session off_session"):
        intent["setup_future_usage"] = usage
    intent["_return_url"] = params.url("return_url") or intent["_return_url"]
    # off_session may also be one_off or recurring, older spellings of true.
    off_session = params.text("off_session") not in (None, "false")
    if off_session and usage == "off_session":
        raise bad_param(
            "You cannot set `setup_future_usage` when `off_session` is true.", "setup_future_usage"
        )
    return confirm(
        tx, intent, method, off_session=off_session, never_ask=params.flag("error_on_requires_action")
    )


def _not_of_checkout(intent: Doc, verb: str) -> None:
    if intent["_session"]:
        raise wrong_state(
            "You cannot cancel the PaymentIntent for a Checkout Session. Expire the Checkout Session instead."
            if verb == "cancel"
            else "You cannot confirm this PaymentIntent because it was created by Checkout."
        )


@routes.post("/v1/payment_intents")
def _create(call: Call) -> Doc:
    tx, params = call.tx, call.params
    params.only(CREATE)
    if "amount" not in params:
        raise missing("amount")
    code = currency(params.required("currency"), "currency")
    cents = amount(params.integer("amount"), code, "amount", "Amount must be")
    types = cards_only(call)
    confirming = params.flag("confirm")
    for name in ("off_session", "error_on_requires_action", "return_url"):
        if name in params and not confirming:
            raise bad_param(f"`{name}` can only be used when `confirm` is true.", name)
    customer = customer_of(call)
    intent = new_intent(
        tx,
        amount=cents,
        currency=code,
        customer=customer,
        metadata=params.metadata(),
        allowed_payment_method_types=types,
        description=params.text("description"),
        receipt_email=params.email("receipt_email"),
        setup_future_usage=params.choice("setup_future_usage", "on_session off_session"),
    )
    if given := params.text("payment_method"):
        method = usable_method(tx, given, customer)
        intent.update(payment_method=method["id"], status="requires_confirmation")
        call.params.values["payment_method"] = method["id"]
        tx.put(intent)
    if confirming:
        _confirm(call, intent)
    return public(intent, tx.base)


@routes.get("/v1/payment_intents")
def _list(call: Call) -> Doc:
    return listing(call, "payment_intent", "customer")


@routes.get("/v1/payment_intents/<id>")
def _retrieve(call: Call, id: str) -> Doc:
    return public(require(call.tx, id), call.tx.base)


@routes.post("/v1/payment_intents/<id>")
def _update(call: Call, id: str) -> Doc:
    params = call.params
    params.only("metadata description receipt_email expand")
    intent = require(call.tx, id)
    intent["metadata"] = {**intent["metadata"], **params.metadata()}
    intent["description"] = params.text("description") or intent["description"]
    intent["receipt_email"] = params.email("receipt_email") or intent["receipt_email"]
    return public(call.tx.put(intent), call.tx.base)


@routes.post("/v1/payment_intents/<id>/confirm")
def _confirm_route(call: Call, id: str) -> Doc:
    call.params.only(CONFIRM)
    cards_only(call)
    intent = require(call.tx, id)
    _not_of_checkout(intent, "confirm")
    return public(_confirm(call, intent), call.tx.base)


@routes.post("/v1/payment_intents/<id>/cancel")
def _cancel(call: Call, id: str) -> Doc:
    call.params.only("cancellation_reason expand")
    reason = call.params.choice("cancellation_reason", "duplicate fraudulent requested_by_customer abandoned")
    intent = require(call.tx, id)
    _not_of_checkout(intent, "cancel")
    if intent["status"] not in CANCELABLE:
        raise wrong_state(
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. Only a "
            f"PaymentIntent with one of the following statuses may be canceled: {', '.join(CANCELABLE)}.",
            "payment_intent_unexpected_state",
            payment_intent=public(intent, call.tx.base),
        )
    return public(cancel(call.tx, intent, reason), call.tx.base)
