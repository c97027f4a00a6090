"""Customers and the cards they keep."""

from __future__ import annotations

from . import methods
from .errors import no_such
from .params import Params
from .render import list_of, public
from .routing import Call, Routes, listing
from .store import Doc, Tx, new_id

routes = Routes()

FIELDS = "email name phone description"
ACCEPTED = (
    f"{FIELDS} metadata address shipping preferred_locales invoice_settings payment_method expand tax_exempt"
)


def require(tx: Tx, id: str, param: str | None = None) -> Doc:
    """A customer who still exists; raises 404, or 400 where ``param`` named the id."""
    doc = tx.get(id, "customer")
    if doc is None or doc.get("deleted"):
        raise no_such("customer", id, param)
    return doc


def create(tx: Tx, **fields: str | None) -> Doc:
    return tx.put(
        {
            "id": new_id("cus_", 14),
            "object": "customer",
            "address": None,
            "balance": 0,
            "created": tx.now(),
            "currency": None,
            "default_source": None,
            "delinquent": False,
            "description": None,
            "email": None,
            "invoice_settings": {"default_payment_method": None},
            "livemode": False,
            "metadata": {},
            "name": None,
            "phone": None,
            "preferred_locales": [],
            "shipping": None,
            "tax_exempt": "none",
            **fields,
        }
    )


def _apply(doc: Doc, params: Params) -> Doc:
    """An empty string unsets a field; metadata merges (https://docs.stripe.com/api/customers/update)."""
    params.only(ACCEPTED)
    for name in FIELDS.split():
        if name in params.values:
            doc[name] = params.email(name) if name == "email" else params.text(name)
    for name in ("address", "shipping"):
        if name in params.values:
            doc[name] = params.group(name).values or None
    default = params.group("invoice_settings").text("default_payment_method")
    if default:
        doc["invoice_settings"] = {"default_payment_method": default}
    if isinstance(params.values.get("metadata"), dict):
        merged = {**doc["metadata"], **params.metadata()}
        emptied = {name for name, value in params.values["metadata"].items() if value == ""}
        doc["metadata"] = {name: value for name, value in merged.items() if name not in emptied}
    return doc


@routes.post("/v1/customers")
def _create(call: Call) -> Doc:
    doc = _apply(create(call.tx), call.params)
    call.tx.put(doc)
    if method := call.params.text("payment_method"):
        methods.attach(call.tx, methods.require(call.tx, method, "payment_method"), doc["id"])
    return public(doc, call.tx.base)


@routes.get("/v1/customers")
def _list(call: Call) -> Doc:
    return listing(call, "customer", "email")


@routes.get("/v1/customers/<id>")
def _retrieve(call: Call, id: str) -> Doc:
    doc = call.tx.get(id, "customer")
    if doc is None:
        raise no_such("customer", id)
    return public(doc, call.tx.base)


@routes.post("/v1/customers/<id>")
def _update(call: Call, id: str) -> Doc:
    return public(call.tx.put(_apply(require(call.tx, id), call.params)), call.tx.base)


@routes.delete("/v1/customers/<id>")
def _delete(call: Call, id: str) -> Doc:
    require(call.tx, id)
    for method in methods.of_customer(call.tx, id):
        methods.detach(call.tx, method)
    return call.tx.put({"id": id, "object": "customer", "deleted": True})


@routes.get("/v1/payment_methods")
def _list_methods(call: Call) -> Doc:
    if "customer" not in call.params:
        # As at Stripe: without a customer this lists Treasury's methods, of which there are none here.
        return list_of([], call.path)
    require(call.tx, call.params.required("customer"), "customer")
    return listing(call, "payment_method", "customer allow_redisplay")


@routes.post("/v1/payment_methods/<id>/attach")
def _attach(call: Call, id: str) -> Doc:
    call.params.only("customer expand")
    customer = require(call.tx, call.params.required("customer"), "customer")
    return public(methods.attach(call.tx, methods.require(call.tx, id), customer["id"]), call.tx.base)


@routes.get("/v1/customers/<customer>/payment_methods")
def _methods_of(call: Call, customer: str) -> Doc:
    require(call.tx, customer)
    return listing(call, "payment_method", "allow_redisplay", customer=customer)


@routes.get("/v1/customers/<customer>/payment_methods/<id>")
def _method_of(call: Call, customer: str, id: str) -> Doc:
    doc = call.tx.get(id, "payment_method")
    if doc is None or doc["customer"] != customer:
        raise no_such("PaymentMethod", id)
    return public(doc, call.tx.base)
