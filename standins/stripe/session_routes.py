"""The API of Checkout Sessions: what is sold and how, checked and noted; then it is the page's turn."""

from __future__ import annotations

from typing import NamedTuple

from . import sessions, setups
from .errors import bad_param, missing, wrong_state
from .params import Params
from .render import line_items, public
from .routing import Call, Routes, listing
from .shared import amount, cards_only, currency, customer_of
from .store import Doc, new_id

routes = Routes()

HOUR = 3600
MOST_LINES = 100
LOCALES = (
    "auto bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hr hu id it ja ko lt lv ms mt nb nl pl pt "
    "pt-BR ro ru sk sl sv th tr vi zh zh-HK zh-TW"
)
CREATE = (
    "mode line_items customer customer_email customer_creation customer_update success_url cancel_url "
    "client_reference_id metadata payment_intent_data setup_intent_data payment_method_types "
    "allowed_payment_method_types excluded_payment_method_types expires_at locale "
    "saved_payment_method_options payment_method_data payment_method_options currency ui_mode "
    "submit_type billing_address_collection origin_context automatic_tax adaptive_pricing "
    "allow_promotion_codes phone_number_collection wallet_options custom_text expand"
)


def _line(params: Params, common: str | None) -> Doc:
    params.only("price_data quantity adjustable_quantity metadata")
    if "price_data" not in params:
        raise missing(params.named("price_data"))
    price = params.group("price_data")
    price.only("currency product_data unit_amount tax_behavior")
    product = price.group("product_data")
    product.only("name description images metadata tax_code unit_label")
    code = currency(price.required("currency"), price.named("currency"))
    if common not in (None, code):
        raise bad_param("All line items must have the same currency.", price.named("currency"))
    cents, quantity = price.integer("unit_amount"), params.integer("quantity")
    if cents is None:
        raise missing(price.named("unit_amount"))
    if cents < 0:
        raise bad_param(
            "Invalid non-negative integer", price.named("unit_amount"), "parameter_invalid_integer"
        )
    if quantity is None:
        raise missing(params.named("quantity"))
    if quantity < 1:
        raise bad_param("Invalid positive integer", params.named("quantity"), "parameter_invalid_integer")
    name = product.required("name")
    images = product.texts("images")
    if len(images) > 8 or any(len(url) > 2048 for url in images):
        raise bad_param("Up to 8 images of at most 2048 characters.", product.named("images"))
    return {
        "id": new_id("li_1"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": cents * quantity,
        "amount_tax": 0,
        "amount_total": cents * quantity,
        "currency": code,
        "description": name,
        "price": {
            "id": new_id("price_1"),
            "object": "price",
            "currency": code,
            "product": new_id("prod_", 14),
            "type": "one_time",
            "unit_amount": cents,
        },
        "quantity": quantity,
        "_about": product.text("description"),
        "_image": next((url for url in images if url.startswith(("http://", "https://"))), None),
    }


def _expires_at(params: Params, now: int) -> int:
    given = params.integer("expires_at")
    if given is None:
        return now + 24 * HOUR
    if given < now + HOUR // 2:
        raise bad_param(
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.",
            "expires_at",
        )
    if given > now + 24 * HOUR:
        raise bad_param(
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
            "expires_at",
        )
    return given


class Goods(NamedTuple):
    """What a Session sells: its lines, the total in the currency's smallest unit, the currency."""

    lines: list[Doc]
    total: int | None
    currency: str | None


def _goods(params: Params, mode: str, types: list[str] | None) -> Goods:
    """The lines of a payment, with what they add up to; a set-up has none."""
    if mode == "setup":
        if "line_items" in params:
            raise bad_param("You cannot set `line_items` in `setup` mode.", "line_items")
        if types is None and "currency" not in params:
            raise missing("currency")
        return Goods([], None, params.text("currency"))
    groups = params.groups("line_items")
    if not groups:
        raise missing("line_items")
    if len(groups) > MOST_LINES:
        raise bad_param(f"Up to {MOST_LINES} line items are supported.", "line_items")
    lines: list[Doc] = []
    for group in groups:
        lines.append(_line(group, lines[0]["currency"] if lines else None))
    code = lines[0]["currency"]
    total = amount(
        sum(line["amount_total"] for line in lines),
        code,
        "line_items",
        "The Checkout Session's total amount due must add up to",
    )
    return Goods(lines, total, code)


def _blank() -> Doc:
    """What every Session has in common when it is made."""
    return {
        "object": "checkout.session",
        "after_expiration": None,
        "allow_promotion_codes": None,
        "automatic_tax": {"enabled": False, "liability": None, "status": None},
        "billing_address_collection": None,
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {"after_submit": None, "shipping_address": None, "submit": None},
        "customer_details": None,
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "recovered_from": None,
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "subscription": None,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
    }


@routes.post("/v1/checkout/sessions")
def _create(call: Call) -> Doc:
    tx, params = call.tx, call.params
    params.only(CREATE)
    mode = params.choice("mode", "payment setup") or "payment"
    types = cards_only(call)
    if params.choice("ui_mode", "hosted_page hosted") is None and "success_url" not in params:
        raise missing("success_url")
    success, cancel = params.url("success_url"), params.url("cancel_url")
    if "customer" in params and "customer_email" in params:
        raise bad_param("You may only specify one of these parameters: customer, customer_email.", "customer")
    reference = params.text("client_reference_id", 200)
    expires_at = _expires_at(params, tx.now())
    locale = params.choice("locale", LOCALES)
    saved = params.group("saved_payment_method_options")
    saved.only("allow_redisplay_filters payment_method_save payment_method_remove")
    intent_data = params.group("payment_intent_data")
    intent_data.only(
        "metadata setup_future_usage description receipt_email capture_method shipping statement_descriptor "
        "statement_descriptor_suffix"
    )
    setup_data = params.group("setup_intent_data")
    setup_data.only("metadata description")
    customer = customer_of(call)
    id = new_id("cs_test_a1", 56)
    goods = _goods(params, mode, types)
    session: Doc = {
        **_blank(),
        "id": id,
        "allowed_payment_method_types": types,
        "amount_subtotal": goods.total,
        "amount_total": goods.total,
        "cancel_url": cancel,
        "client_reference_id": reference,
        "created": tx.now(),
        "currency": goods.currency,
        "customer": customer,
        "customer_creation": params.choice("customer_creation", "always if_required")
        or (None if customer else "if_required" if mode == "payment" else "always"),
        "customer_email": params.email("customer_email"),
        "expires_at": expires_at,
        "locale": locale,
        "metadata": params.metadata(),
        "mode": mode,
        "payment_method_collection": "if_required" if mode == "payment" else "always",
        "payment_status": "unpaid" if mode == "payment" else "no_payment_required",
        "saved_payment_method_options": {
            "allow_redisplay_filters": saved.texts("allow_redisplay_filters") or ["always"],
            "payment_method_remove": saved.choice("payment_method_remove", "enabled disabled") or "disabled",
            "payment_method_save": saved.choice("payment_method_save", "enabled disabled") or "disabled",
        },
        "submit_type": params.choice("submit_type", "auto book donate pay subscribe"),
        "success_url": success,
        "_due": expires_at,
        "_lines": goods.lines,
        "_redisplay": params.group("payment_method_data").text("allow_redisplay"),
        "_intent": {
            "metadata": intent_data.metadata(),
            "setup_future_usage": intent_data.choice("setup_future_usage", "on_session off_session"),
            "description": intent_data.text("description"),
            "receipt_email": intent_data.email("receipt_email"),
        },
    }
    if mode == "setup":
        intent = setups.new_intent(
            tx,
            customer=customer,
            metadata=setup_data.metadata(),
            description=setup_data.text("description"),
            session=id,
        )
        session["setup_intent"] = intent["id"]
    return public(tx.put(session), tx.base)


@routes.get("/v1/checkout/sessions")
def _list(call: Call) -> Doc:
    return listing(call, "checkout.session", "payment_intent customer status")


@routes.get("/v1/checkout/sessions/<id>")
def _retrieve(call: Call, id: str) -> Doc:
    return public(sessions.require(call.tx, id), call.tx.base)


@routes.get("/v1/checkout/sessions/<id>/line_items")
def _line_items(call: Call, id: str) -> Doc:
    sessions.require(call.tx, id)
    return line_items(call.tx, id)


@routes.post("/v1/checkout/sessions/<id>")
def _update(call: Call, id: str) -> Doc:
    call.params.only("metadata expand")
    session = sessions.require(call.tx, id)
    session["metadata"] = {**session["metadata"], **call.params.metadata()}
    return public(call.tx.put(session), call.tx.base)


@routes.post("/v1/checkout/sessions/<id>/expire")
def _expire(call: Call, id: str) -> Doc:
    call.params.only("expand")
    session = sessions.require(call.tx, id)
    if session["status"] != "open":
        raise wrong_state(
            f'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a '
            f"status of {session['status']}."
        )
    return public(sessions.expire(call.tx, session), call.tx.base)
