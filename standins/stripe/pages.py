"""The hosted pages: pay, save a card. Plain forms, no scripts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, g, redirect, render_template, request

from . import cards, challenges, faults, form, methods, sessions, sweep
from .challenges import intent_of
from .display import Page, saved_cards, secured, success_url
from .errors import ApiError, CardDeclined
from .store import Doc, Store, Tx


def blueprint(store: Store, merchant: str) -> Blueprint:
    pages = Blueprint("pages", __name__)

    @pages.before_request
    def _before() -> None:
        # The body first: a slow client must not be waited for while the store is locked.
        request.get_data(parse_form_data=True)
        faults.before(g.get("fault"))

    @pages.after_request
    def _faults_after(response: Response) -> Response:
        fault = g.get("fault")
        return faults.cut() if fault and fault.action == "drop_after" else response

    def show(
        tx: Tx, session: Doc, card_form: form.CardForm, status: int = 200, notice: str | None = None
    ) -> Any:
        page = Page(session, merchant)
        html = render_template(
            "pay.html",
            page=page,
            form=card_form,
            notice=notice,
            saved=saved_cards(tx, session),
            test_cards=[card for card in cards.CARDS if card.in_help],
        )
        return secured(Response(html, status), page.origins, page.image_origins)

    def ended(session: Doc, status: int = 200) -> Any:
        page = Page(session, merchant)
        return secured(Response(render_template("ended.html", page=page), status))

    @pages.get("/c/pay/<id>")
    def pay(id: str) -> Any:
        sweep.run(store)
        with store.transaction() as tx:
            session = sessions.require(tx, id)
            if session["status"] != "open":
                return ended(session)
            return show(tx, session, _fresh_form(tx, session), notice=_left_over(intent_of(tx, session)))

    @pages.post("/c/pay/<id>")
    def submit(id: str) -> Any:
        sweep.run(store)
        with store.transaction() as tx:
            session = sessions.require(tx, id)
            # One transaction at a time and only while open: the second of two posts finds it complete.
            if session["status"] == "complete":
                return redirect(success_url(session), 303)
            if session["status"] != "open":
                return ended(session, 409)
            card_form = _entered(tx, session)
            if card_form.errors:
                return show(tx, session, card_form, 422)
            if card_form.saved:
                method = methods.require(tx, card_form.saved)
            else:
                method = card_form.payment_method(tx.now())
            try:
                session = sessions.attempt(
                    tx, session, method, save=card_form.save, email=card_form.email, name=card_form.name
                )
            except CardDeclined as declined:
                card_form.values["cvc"] = ""
                return show(tx, sessions.require(tx, id), card_form, 402, str(declined))
            if session["status"] == "complete":
                return redirect(success_url(session), 303)
            return redirect(f"/c/pay/{id}/authentication", 303)

    challenges.add_routes(pages, store, merchant)

    @pages.errorhandler(ApiError)
    def refused(error: ApiError) -> Any:
        return secured(Response(render_template("message.html", error=error), error.status))

    return pages


def _fresh_form(tx: Tx, session: Doc) -> form.CardForm:
    customer = tx.get(session["customer"]) if session["customer"] else None
    noted = session.get("_details", {}).get("email")
    return form.empty(noted or session["customer_email"] or (customer or {}).get("email"))


def _entered(tx: Tx, session: Doc) -> form.CardForm:
    """The form as it was sent, checked; a card chosen must be one of the customer's own."""
    card_form = form.read(request.form, datetime.fromtimestamp(tx.now(), UTC).date())
    if not card_form.email:
        card_form.values["email"] = _fresh_form(tx, session).values["email"]
        if card_form.email:
            card_form.errors.pop("email", None)
    known = {card.id for card in saved_cards(tx, session)}
    if card_form.saved and card_form.saved not in known:
        card_form.saved = None
        card_form.errors["card"] = "Choose one of your cards, or enter a new one."
    return card_form


def _left_over(intent: Doc | None) -> str | None:
    """Why the last attempt failed, for who comes back to the page."""
    error = (intent or {}).get("last_payment_error") or (intent or {}).get("last_setup_error")
    return error["message"] if error else None
