"""Refunds of charges."""

from __future__ import annotations

from decimal import Decimal

from babel.numbers import format_currency

from . import cards, payments
from .errors import bad_param, missing, no_such, wrong_state
from .render import public
from .routing import Call, Routes, listing
from .store import Doc, Tx, new_id
from .webhooks import emit

routes = Routes()

SETTLES_AFTER = 1.5
"""Seconds until a test card's refund turns to what it will be in the end."""


def _in_words(cents: int, currency: str) -> str:
    return format_currency(Decimal(cents) / 100, currency.upper(), locale="en_US")


def _charge_to_refund(call: Call) -> Doc:
    tx, params = call.tx, call.params
    if intent_id := params.text("payment_intent"):
        intent = payments.require(tx, intent_id, "payment_intent")
        charge = tx.get(intent["latest_charge"], "charge")
        if charge is None or charge["status"] != "succeeded":
            raise wrong_state(
                f"This PaymentIntent ({intent_id}) does not have a successful charge to refund."
            )
        return charge
    if charge_id := params.text("charge"):
        charge = tx.get(charge_id, "charge")
        if charge is None:
            raise no_such("charge", charge_id, "charge")
        if charge["status"] != "succeeded":
            raise wrong_state(f"Charge {charge_id} did not succeed, so it cannot be refunded.")
        return charge
    raise missing("payment_intent")


@routes.post("/v1/refunds")
def _create(call: Call) -> Doc:
    tx, params = call.tx, call.params
    params.only("payment_intent charge amount reason metadata expand refund_application_fee reverse_transfer")
    cents = params.integer("amount")
    reason = params.choice("reason", "duplicate fraudulent requested_by_customer")
    metadata = params.metadata()
    if cents is not None and cents < 1:
        raise bad_param("Invalid positive integer", "amount", "parameter_invalid_integer")
    charge = _charge_to_refund(call)
    if charge["disputed"]:
        raise wrong_state(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.", "charge_disputed"
        )
    left = charge["amount"] - charge["amount_refunded"]
    if left == 0:
        raise wrong_state(f"Charge {charge['id']} has already been refunded.", "charge_already_refunded")
    if cents is not None and cents > left:
        of_what = "unrefunded amount on charge" if charge["amount_refunded"] else "charge amount"
        asked, most = _in_words(cents, charge["currency"]), _in_words(left, charge["currency"])
        raise wrong_state(f"Refund amount ({asked}) is greater than {of_what} ({most})", param="amount")
    cents = left if cents is None else cents
    card = cards.BY_KEY[charge["_card"]]
    pending = card.refund == "pending_first"
    refund = {
        "id": new_id("re_3"),
        "object": "refund",
        "amount": cents,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": tx.now(),
        "currency": charge["currency"],
        "destination_details": {"card": {"reference_status": "pending", "type": "refund"}, "type": "card"},
        "metadata": metadata,
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": reason,
        "receipt_number": None,
        "status": "pending" if pending else "succeeded",
        "_due": None if card.refund == "succeeds" else tx.store.now() + SETTLES_AFTER,
    }
    if pending:
        refund["pending_reason"] = "processing"
    tx.put(refund)
    _add_to_refunded(charge, cents)
    tx.put(charge)
    emit(tx, "refund.created", refund)
    emit(tx, "charge.refunded", charge)
    if card.refund == "succeeds":
        refund["destination_details"] = {
            "card": {"reference": new_id("", 20), "reference_status": "available", "type": "refund"},
            "type": "card",
        }
        emit(tx, "refund.updated", tx.put(refund))
    return public(refund, tx.base)


def _add_to_refunded(charge: Doc, cents: int) -> None:
    charge["amount_refunded"] += cents
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]


def settle(tx: Tx, refund: Doc) -> None:
    """What becomes of a refund by itself: a pending one succeeds, one that can't be paid out fails."""
    refund["_due"] = None
    if refund["status"] == "pending":
        refund.update(status="succeeded")
        refund.pop("pending_reason", None)
        emit(tx, "refund.updated", tx.put(refund))
        return
    refund.update(status="failed", failure_reason="lost_or_stolen_card")
    charge = tx.get(refund["charge"])
    if charge is not None:
        _add_to_refunded(charge, -refund["amount"])
        tx.put(charge)
    emit(tx, "refund.failed", tx.put(refund))


@routes.get("/v1/refunds")
def _list(call: Call) -> Doc:
    return listing(call, "refund", "payment_intent charge")


@routes.get("/v1/refunds/<id>")
def _retrieve(call: Call, id: str) -> Doc:
    doc = call.tx.get(id, "refund")
    if doc is None:
        raise no_such("refund", id)
    return public(doc, call.tx.base)
