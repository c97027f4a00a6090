"""3-D Secure: the page on which a cardholder says who they are, within Checkout and by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from flask import Blueprint, Response, redirect, render_template, request

from . import payments, sessions, setups, sweep
from .display import Page, money, origin, secured, success_url
from .errors import ApiError, CardDeclined
from .store import Doc, Store, Tx


def add_routes(pages: Blueprint, store: Store, merchant: str) -> None:
    @pages.get("/c/pay/<id>/authentication")
    def challenge(id: str) -> Any:
        sweep.run(store)
        with store.transaction() as tx:
            session = sessions.require(tx, id)
            intent = intent_of(tx, session)
            if session["status"] != "open" or not intent or intent["status"] != "requires_action":
                return redirect(f"/c/pay/{id}", 303)
            return _challenge(intent, merchant, Page(session, merchant).origins)

    @pages.post("/c/pay/<id>/authentication")
    def answer_challenge(id: str) -> Any:
        sweep.run(store)
        with store.transaction() as tx:
            session = sessions.require(tx, id)
            if session["status"] == "complete":
                return redirect(success_url(session), 303)
            intent = intent_of(tx, session)
            if session["status"] == "open" and intent and intent["status"] == "requires_action":
                try:
                    session = sessions.finish(tx, session, _authenticate(tx, intent))
                except CardDeclined:
                    pass  # recorded; the pay page tells it
                else:
                    return redirect(success_url(session), 303)
            return redirect(f"/c/pay/{id}", 303)

    @pages.get("/c/authenticate/<id>")
    def challenge_intent(id: str) -> Any:
        with store.transaction() as tx:
            intent = tx.get(id)
            if not intent or intent["object"] not in ("payment_intent", "setup_intent"):
                raise ApiError(404, "There is no such payment.")
            if intent["_session"]:
                return redirect(f"/c/pay/{intent['_session']}", 303)
            if intent["status"] != "requires_action":
                return _return(intent)
            return _challenge(intent, merchant, {url for url in (origin(intent["_return_url"]),) if url})

    @pages.post("/c/authenticate/<id>")
    def answer_challenge_intent(id: str) -> Any:
        with store.transaction() as tx:
            intent = tx.get(id)
            if not intent or intent["object"] not in ("payment_intent", "setup_intent") or intent["_session"]:
                raise ApiError(404, "There is no such payment.")
            if intent["status"] == "requires_action":
                try:
                    _authenticate(tx, intent)
                except CardDeclined:
                    intent = tx.get(id) or intent
            return _return(intent)


def intent_of(tx: Tx, session: Doc) -> Doc | None:
    return tx.get(session["payment_intent"] or session["setup_intent"])


def _authenticate(tx: Tx, intent: Doc) -> Doc:
    answer: Callable[[Tx, Doc, bool], Doc] = (
        payments.authenticate if intent["object"] == "payment_intent" else setups.authenticate
    )
    return answer(tx, intent, request.form.get("outcome") == "complete")


def _challenge(intent: Doc, merchant: str, origins: set[str]) -> Response:
    paying = intent["object"] == "payment_intent"
    html = render_template(
        "authentication.html",
        merchant=merchant,
        amount=money(intent["amount"], intent["currency"], None) if paying else None,
    )
    return secured(Response(html), origins)


def _return(intent: Doc) -> Any:
    """Back to the shop with what Stripe adds to a return address."""
    if not intent["_return_url"]:
        return secured(Response(render_template("message.html", error=None)))
    kind = intent["object"]
    parts = urlsplit(intent["_return_url"])
    added = {
        kind: intent["id"],
        f"{kind}_client_secret": intent["client_secret"],
        "redirect_status": "succeeded" if intent["status"] == "succeeded" else "failed",
    }
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *added.items()])
    return redirect(urlunsplit(parts._replace(query=query)), 303)
