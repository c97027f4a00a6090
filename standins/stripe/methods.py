"""Payment methods: cards, single-use until they belong to a customer."""

from __future__ import annotations

from . import cards
from .errors import CardDeclined, bad_param, no_such, wrong_state
from .render import public
from .routing import Call, Routes
from .store import Doc, Tx

routes = Routes()


def require(tx: Tx, id: str, param: str | None = None) -> Doc:
    """A stored payment method, or a new one for a test name such as ``pm_card_visa``."""
    if card := cards.by_name(id):
        return tx.put(cards.payment_method(card, tx.now()))
    doc = tx.get(id, "payment_method")
    if doc is None:
        raise no_such("PaymentMethod", id, param)
    return doc


def card_of(method: Doc) -> cards.TestCard:
    return cards.BY_KEY.get(method["_card"], UNKNOWN)


UNKNOWN = cards.TestCard(
    "unknown", "0000000000000000", "", brand="unknown", decline=cards.NOT_A_TEST_CARD, attaches=False
)


def of_customer(tx: Tx, customer: str) -> list[Doc]:
    found, _ = tx.listed("payment_method", {"customer": customer}, limit=100)
    return found


def declined_when_saved(method: Doc) -> cards.Decline | None:
    card = card_of(method)
    return None if card.attaches else card.decline


def attach(tx: Tx, method: Doc, customer: str, *, set_up: bool = False) -> Doc:
    """Make it the customer's. ``set_up``: the cardholder authenticated for later charges."""
    if method["customer"] not in (None, customer):
        raise wrong_state(
            "The payment method you provided has already been attached to a customer.",
            "payment_method_already_attached",
        )
    if method["_spent"] and method["customer"] is None:
        raise wrong_state(
            "This PaymentMethod was previously used without being attached to a Customer or was detached "
            "from a Customer, and may not be used again."
        )
    if decline := declined_when_saved(method):
        raise CardDeclined(decline.message, code=decline.code, decline_code=decline.decline_code)
    method.update(customer=customer, _set_up=method["_set_up"] or set_up)
    return tx.put(method)


def detach(tx: Tx, method: Doc) -> Doc:
    method.update(customer=None, _spent=True)
    return tx.put(method)


@routes.post("/v1/payment_methods")
def _create(call: Call) -> Doc:
    params = call.params
    params.only("type card billing_details metadata allow_redisplay expand")
    if params.required("type") != "card":
        raise bad_param("Only payment methods of type card are supported here.", "type")
    token = params.group("card").text("token")
    card = cards.by_name(token) if token else None
    if card is None:
        raise bad_param(
            "Sending card numbers to the API is not supported; use a test token such as tok_visa.", "card"
        )
    billing = params.group("billing_details")
    doc = cards.payment_method(card, call.tx.now(), name=billing.text("name"), email=billing.email("email"))
    doc["metadata"] = params.metadata()
    doc["allow_redisplay"] = params.choice("allow_redisplay", "always limited unspecified") or "unspecified"
    return public(call.tx.put(doc), call.tx.base)


@routes.get("/v1/payment_methods/<id>")
def _retrieve(call: Call, id: str) -> Doc:
    return public(require(call.tx, id), call.tx.base)


@routes.post("/v1/payment_methods/<id>")
def _update(call: Call, id: str) -> Doc:
    call.params.only("allow_redisplay billing_details metadata card expand")
    doc = require(call.tx, id)
    doc["allow_redisplay"] = (
        call.params.choice("allow_redisplay", "always limited unspecified") or doc["allow_redisplay"]
    )
    doc["metadata"] = {**doc["metadata"], **call.params.metadata()}
    doc["billing_details"] = {**doc["billing_details"], **call.params.group("billing_details").values}
    return public(call.tx.put(doc), call.tx.base)


@routes.post("/v1/payment_methods/<id>/detach")
def _detach(call: Call, id: str) -> Doc:
    call.params.only("expand")
    doc = require(call.tx, id)
    if doc["customer"] is None:
        raise wrong_state(
            "The payment method you provided is not attached to a customer so detachment is impossible."
        )
    return public(detach(call.tx, doc), call.tx.base)
