"""Charges: what each attempt to pay leaves behind, and what a bank may do to one later."""

from __future__ import annotations

from . import cards
from .store import Doc, Tx, new_id
from .webhooks import emit


def charge(tx: Tx, intent: Doc, method: Doc, decline: cards.Decline | None = None) -> Doc:
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


def dispute(tx: Tx, charge: Doc) -> None:
    tx.put({**charge, "disputed": True})
    made = {
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
    emit(tx, "charge.dispute.created", tx.put(made))
