"""Checkout Sessions: the hosted page's state, and how it ends."""

from __future__ import annotations

from typing import Any

from . import customers, payments, setups
from .errors import no_such
from .store import Doc, Tx
from .webhooks import emit


def require(tx: Tx, id: str) -> Doc:
    doc = tx.get(id, "checkout.session")
    if doc is None:
        raise no_such("checkout.session", id)
    return doc


def expire(tx: Tx, session: Doc) -> Doc:
    """Nothing can be paid any more; an attempt that was left half-way is cancelled."""
    intent = tx.get(session["payment_intent"] or session["setup_intent"])
    if intent and intent["status"] in payments.CANCELABLE:
        if intent["object"] == "payment_intent":
            payments.cancel(tx, intent, "expired")
        else:
            setups.cancel(tx, intent, None)
    session.update(status="expired", _due=None)
    emit(tx, "checkout.session.expired", tx.put(session))
    return session


def attempt(tx: Tx, session: Doc, method: Doc, *, save: bool, email: str | None, name: str | None) -> Doc:
    """The shopper pressed the button of an open Session. Raises CardDeclined with the attempt recorded.

    The Session is complete afterwards, or its intent is at ``requires_action``.
    """
    session["_details"] = {"email": email, "name": name}
    if session["mode"] == "setup":
        intent = setups.require(tx, session["setup_intent"])
        if session["customer"] is None:
            session["customer"] = customers.create(tx, email=email, name=name)["id"]
        intent["customer"] = session["customer"]
        method["allow_redisplay"] = session["_redisplay"] or "always"
    else:
        if session["customer"] is None and (session["customer_creation"] == "always" or _saves(session)):
            session["customer"] = customers.create(tx, email=email, name=name)["id"]
        intent = _intent(tx, session)
        save = save and session["saved_payment_method_options"]["payment_method_save"] == "enabled"
        if save and session["customer"] and method["customer"] is None:
            method["allow_redisplay"] = session["_redisplay"] or "always"
            intent["setup_future_usage"] = intent["setup_future_usage"] or "on_session"
        elif intent["setup_future_usage"] and method["customer"] is None:
            method["allow_redisplay"] = session["_redisplay"] or "limited"
    tx.put(method)
    # Before anything that may decline: what was noted of this attempt has to stay.
    tx.put(session)
    confirm: Any = setups.confirm if session["mode"] == "setup" else payments.confirm
    return finish(tx, session, confirm(tx, intent, method))


def _saves(session: Doc) -> bool:
    return session["_intent"]["setup_future_usage"] is not None


def _intent(tx: Tx, session: Doc) -> Doc:
    """The Session's one PaymentIntent, made at the first attempt (as Stripe does since 2022-08-01)."""
    if session["payment_intent"]:
        return payments.require(tx, session["payment_intent"])
    data = session["_intent"]
    intent = payments.new_intent(
        tx,
        amount=session["amount_total"],
        currency=session["currency"],
        customer=session["customer"],
        session=session["id"],
        **data,
    )
    session["payment_intent"] = intent["id"]
    return intent


def finish(tx: Tx, session: Doc, intent: Doc) -> Doc:
    """Complete the Session if its intent has succeeded."""
    if intent["status"] != "succeeded":
        return session
    details = session.get("_details", {})
    session.update(
        status="complete",
        payment_status="paid" if session["mode"] == "payment" else "no_payment_required",
        customer_details={
            "address": {
                "city": None,
                "country": "US",
                "line1": None,
                "line2": None,
                "postal_code": None,
                "state": None,
            },
            "business_name": None,
            "email": details.get("email"),
            "individual_name": None,
            "name": details.get("name"),
            "phone": None,
            "tax_exempt": "none",
            "tax_ids": [],
        },
        _due=None,
    )
    emit(tx, "checkout.session.completed", tx.put(session))
    return session
