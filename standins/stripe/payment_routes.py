"""The API of PaymentIntents: parameters checked, then handed to ``payments``."""

from __future__ import annotations

from . import payments
from .errors import bad_param, missing, wrong_state
from .render import public
from .routing import Call, Routes, listing
from .shared import amount, cards_only, currency, customer_of, usable_method
from .store import Doc

routes = Routes()

CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
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
    if not off_session:
        _ask_for_return_url(call, intent)
    if off_session and usage == "off_session":
        raise bad_param(
            "You cannot set `setup_future_usage` when `off_session` is true.", "setup_future_usage"
        )
    return payments.confirm(
        tx, intent, method, off_session=off_session, never_ask=params.flag("error_on_requires_action")
    )


def _ask_for_return_url(call: Call, intent: Doc) -> None:
    """Where the dashboard's methods are on offer, one of them may send the customer away
    (https://docs.stripe.com/api/payment_intents/confirm#confirm_payment_intent-return_url)."""
    automatic = intent["automatic_payment_methods"] or {}
    redirects = automatic.get("enabled") and automatic.get("allow_redirects") == "always"
    if redirects and not call.params.url("return_url") and not intent["_return_url"]:
        raise bad_param(
            "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because "
            "some of these payment methods might redirect your customer off of your page, you must provide a "
            "`return_url`. If you don't want to accept redirect-based payment methods, set "
            "`automatic_payment_methods[enabled]` to `true` and `automatic_payment_methods[allow_redirects]` "
            "to `never` when creating Setup Intents and Payment Intents.",
            "return_url",
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
    intent = payments.new_intent(
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
    return public(payments.require(call.tx, id), call.tx.base)


@routes.post("/v1/payment_intents/<id>")
def _update(call: Call, id: str) -> Doc:
    params = call.params
    params.only("metadata description receipt_email expand")
    intent = payments.require(call.tx, id)
    intent["metadata"] = {**intent["metadata"], **params.metadata()}
    intent["description"] = params.text("description") or intent["description"]
    intent["receipt_email"] = params.email("receipt_email") or intent["receipt_email"]
    return public(call.tx.put(intent), call.tx.base)


@routes.post("/v1/payment_intents/<id>/confirm")
def _confirm_route(call: Call, id: str) -> Doc:
    call.params.only(CONFIRM)
    cards_only(call)
    intent = payments.require(call.tx, id)
    _not_of_checkout(intent, "confirm")
    return public(_confirm(call, intent), call.tx.base)


@routes.post("/v1/payment_intents/<id>/cancel")
def _cancel(call: Call, id: str) -> Doc:
    call.params.only("cancellation_reason expand")
    reason = call.params.choice("cancellation_reason", "duplicate fraudulent requested_by_customer abandoned")
    intent = payments.require(call.tx, id)
    _not_of_checkout(intent, "cancel")
    if intent["status"] not in payments.CANCELABLE:
        statuses = ", ".join(payments.CANCELABLE)
        raise wrong_state(
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}. Only a "
            f"PaymentIntent with one of the following statuses may be canceled: {statuses}.",
            "payment_intent_unexpected_state",
            payment_intent=public(intent, call.tx.base),
        )
    return public(payments.cancel(call.tx, intent, reason), call.tx.base)
