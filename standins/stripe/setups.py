"""SetupIntents: saving a card without charging it."""

from __future__ import annotations

from . import cards, methods
from .errors import CardDeclined, no_such, wrong_state
from .render import public
from .routing import Call, Routes, listing
from .shared import cards_only, customer_of, usable_method
from .store import Doc, Tx, new_id
from .webhooks import emit

routes = Routes()

OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
FAILED_AUTHENTICATION = cards.Decline(
    "setup_intent_authentication_failure",
    None,
    "The provided PaymentMethod has failed authentication. You can provide a new PaymentMethod to attempt "
    "to fulfill this SetupIntent again.",
)


def new_intent(
    tx: Tx,
    *,
    customer: str | None,
    metadata: dict[str, str],
    description: str | None = None,
    usage: str = "off_session",
    session: str | None = None,
) -> Doc:
    id = new_id("seti_1")
    return tx.put(
        {
            "id": id,
            "object": "setup_intent",
            "allowed_payment_method_types": None,
            "application": None,
            "automatic_payment_methods": {"allow_redirects": "always", "enabled": True},
            "cancellation_reason": None,
            "client_secret": new_id(f"{id}_secret_", 25),
            "created": tx.now(),
            "customer": customer,
            "description": description,
            "last_setup_error": None,
            "latest_attempt": None,
            "livemode": False,
            "mandate": None,
            "metadata": metadata,
            "next_action": None,
            "payment_method": None,
            "payment_method_types": ["card"],
            "status": "requires_payment_method",
            "usage": usage,
            "_session": session,
            "_return_url": None,
        }
    )


def confirm(tx: Tx, intent: Doc, method: Doc, *, authenticated: bool = False) -> Doc:
    """Save the method, or leave the intent at ``requires_action``. Raises CardDeclined with all recorded."""
    card = methods.card_of(method)
    intent.update(payment_method=method["id"], last_setup_error=None, next_action=None)
    if card.authentication != "never" and not authenticated:
        intent["status"] = "requires_action"
        where = {"return_url": intent["_return_url"], "url": None}
        intent["next_action"] = {"type": "redirect_to_url", "redirect_to_url": where}
        return tx.put(intent)
    if decline := methods.declined_when_saved(method):
        raise _declined(tx, intent, method, decline)
    if intent["customer"]:
        methods.attach(tx, method, intent["customer"], set_up=intent["usage"] == "off_session")
    intent["status"] = "succeeded"
    emit(tx, "setup_intent.succeeded", tx.put(intent))
    return intent


def _declined(tx: Tx, intent: Doc, method: Doc, decline: cards.Decline) -> CardDeclined:
    error = CardDeclined(
        decline.message,
        code=decline.code,
        decline_code=decline.decline_code,
        payment_method=public(method, tx.base),
    )
    intent.update(
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        last_setup_error=dict(error.error),
    )
    tx.put(intent)
    error.error["setup_intent"] = public(intent, tx.base)
    return error


def authenticate(tx: Tx, intent: Doc, passed: bool) -> Doc:
    """The cardholder answered the 3-D Secure page. Raises CardDeclined if it failed."""
    method = methods.require(tx, intent["payment_method"])
    if not passed:
        raise _declined(tx, intent, method, FAILED_AUTHENTICATION)
    return confirm(tx, intent, method, authenticated=True)


def cancel(tx: Tx, intent: Doc, reason: str | None) -> Doc:
    intent.update(status="canceled", cancellation_reason=reason, next_action=None)
    return tx.put(intent)


def require(tx: Tx, id: str, param: str | None = None) -> Doc:
    doc = tx.get(id, "setup_intent")
    if doc is None:
        raise no_such("setupintent", id, param)
    return doc


def _confirm(call: Call, intent: Doc) -> Doc:
    given = call.params.text("payment_method") or intent["payment_method"]
    if intent["status"] not in OPEN or given is None:
        because = f"it has a status of {intent['status']}" if given else "it's missing a payment method"
        raise wrong_state(
            f"You cannot confirm this SetupIntent because {because}.",
            "setup_intent_unexpected_state",
            setup_intent=public(intent, call.tx.base),
        )
    intent["_return_url"] = call.params.url("return_url") or intent["_return_url"]
    return confirm(call.tx, intent, usable_method(call.tx, given, intent["customer"]))


def _not_of_checkout(intent: Doc, verb: str) -> None:
    if intent["_session"]:
        raise wrong_state(
            f"You cannot {verb} the SetupIntent for a Checkout Session. Expire the Checkout Session instead."
        )


@routes.post("/v1/setup_intents")
def _create(call: Call) -> Doc:
    params = call.params
    params.only(
        "customer payment_method confirm usage payment_method_types allowed_payment_method_types return_url "
        "metadata description automatic_payment_methods payment_method_options use_stripe_sdk "
        "mandate_data expand"
    )
    cards_only(call)
    intent = new_intent(
        call.tx,
        customer=customer_of(call),
        metadata=params.metadata(),
        description=params.text("description"),
        usage=params.choice("usage", "on_session off_session") or "off_session",
    )
    if given := params.text("payment_method"):
        method = usable_method(call.tx, given, intent["customer"])
        intent.update(payment_method=method["id"], status="requires_confirmation")
        params.values["payment_method"] = method["id"]
        call.tx.put(intent)
    if params.flag("confirm"):
        _confirm(call, intent)
    return public(intent, call.tx.base)


@routes.get("/v1/setup_intents")
def _list(call: Call) -> Doc:
    return listing(call, "setup_intent", "customer payment_method")


@routes.get("/v1/setup_intents/<id>")
def _retrieve(call: Call, id: str) -> Doc:
    return public(require(call.tx, id), call.tx.base)


@routes.post("/v1/setup_intents/<id>/confirm")
def _confirm_route(call: Call, id: str) -> Doc:
    call.params.only("payment_method return_url mandate_data payment_method_options use_stripe_sdk expand")
    intent = require(call.tx, id)
    _not_of_checkout(intent, "confirm")
    return public(_confirm(call, intent), call.tx.base)


@routes.post("/v1/setup_intents/<id>/cancel")
def _cancel(call: Call, id: str) -> Doc:
    call.params.only("cancellation_reason expand")
    intent = require(call.tx, id)
    _not_of_checkout(intent, "cancel")
    if intent["status"] not in OPEN:
        raise wrong_state(
            f"You cannot cancel this SetupIntent because it has a status of {intent['status']}.",
            "setup_intent_unexpected_state",
        )
    return public(cancel(call.tx, intent, call.params.text("cancellation_reason")), call.tx.base)
