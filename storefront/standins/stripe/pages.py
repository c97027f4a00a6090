"""The hosted pages: pay, save a card, 3-D Secure. Plain forms, no scripts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency, get_currency_precision
from flask import Blueprint, Response, g, redirect, render_template, request

from . import cards, faults, form, methods, payments, sessions, setups, sweep
from .errors import ApiError, CardDeclined
from .store import Doc, Store, Tx


def money(amount: int, currency: str, locale: str | None) -> str:
    """``amount`` in the currency's smallest unit."""
    try:
        known: Locale | str = Locale.parse(locale or "en_US", sep="-" if "-" in (locale or "") else "_")
    except (UnknownLocaleError, ValueError):
        known = "en_US"
    code = currency.upper()
    return format_currency(Decimal(amount).scaleb(-get_currency_precision(code)), code, locale=known)


def origin(url: str | None) -> str | None:
    if not url:
        return None
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


@dataclass(frozen=True)
class Line:
    name: str
    about: str | None
    image: str | None
    quantity: int
    each: str
    total: str


@dataclass(frozen=True)
class SavedCard:
    id: str
    label: str


class Page:
    """What the templates need to know of a Session."""

    def __init__(self, session: Doc, merchant: str) -> None:
        self.merchant = merchant
        self.mode = session["mode"]
        self.status = session["status"]
        self.cancel_url = session["cancel_url"]
        self.success_url = success_url(session)
        self.path = f"/c/pay/{session['id']}"
        self.offers_saving = (
            session["mode"] == "payment"
            and session["customer"] is not None
            and session["saved_payment_method_options"]["payment_method_save"] == "enabled"
        )
        self.open_until = datetime.fromtimestamp(session["expires_at"], UTC)

        def shown(amount: int) -> str:
            return money(amount, session["currency"], session["locale"])

        self.total = shown(session["amount_total"]) if session["mode"] == "payment" else ""
        self.lines = [
            Line(
                line["description"],
                line["_about"],
                line["_image"],
                line["quantity"],
                shown(line["price"]["unit_amount"]),
                shown(line["amount_total"]),
            )
            for line in session["_lines"]
        ]
        self.button = f"Pay {self.total}" if session["mode"] == "payment" else "Save card"
        self.origins = {url for url in map(origin, (session["success_url"], session["cancel_url"])) if url}
        self.image_origins = {url for line in self.lines if (url := origin(line.image))}


def success_url(session: Doc) -> str:
    return str(session["success_url"] or "").replace("{CHECKOUT_SESSION_ID}", session["id"])


def saved_cards(tx: Tx, session: Doc) -> list[SavedCard]:
    """The customer's cards that may be shown again (https://docs.stripe.com/payments/save-during-payment)."""
    if session["mode"] == "setup" or not session["customer"]:
        return []
    shown = session["saved_payment_method_options"]["allow_redisplay_filters"]
    return [
        SavedCard(
            doc["id"],
            f"{doc['card']['brand'].title()} •••• {doc['card']['last4']}, "
            f"{doc['card']['exp_month']:02}/{doc['card']['exp_year'] % 100:02}",
        )
        for doc in methods.of_customer(tx, session["customer"])
        if doc["allow_redisplay"] in shown
    ]


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
        return _secured(Response(html, status), page.origins, page.image_origins)

    def ended(session: Doc, status: int = 200) -> Any:
        page = Page(session, merchant)
        return _secured(Response(render_template("ended.html", page=page), status))

    def fresh_form(tx: Tx, session: Doc) -> form.CardForm:
        customer = tx.get(session["customer"]) if session["customer"] else None
        noted = session.get("_details", {}).get("email")
        return form.empty(noted or session["customer_email"] or (customer or {}).get("email"))

    def intent_of(tx: Tx, session: Doc) -> Doc | None:
        return tx.get(session["payment_intent"] or session["setup_intent"])

    def left_over(intent: Doc | None) -> str | None:
        """Why the last attempt failed, for who comes back to the page."""
        error = (intent or {}).get("last_payment_error") or (intent or {}).get("last_setup_error")
        return error["message"] if error else None

    @pages.get("/c/pay/<id>")
    def pay(id: str) -> Any:
        sweep.run(store)
        with store.transaction() as tx:
            session = sessions.require(tx, id)
            if session["status"] != "open":
                return ended(session)
            return show(tx, session, fresh_form(tx, session), notice=left_over(intent_of(tx, session)))

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
            card_form = form.read(request.form, datetime.fromtimestamp(store.now(), UTC).date())
            if not card_form.email:
                card_form.values["email"] = fresh_form(tx, session).values["email"]
                if card_form.email:
                    card_form.errors.pop("email", None)
            known = {card.id for card in saved_cards(tx, session)}
            if card_form.saved and card_form.saved not in known:
                card_form.saved = None
                card_form.errors["card"] = "Choose one of your cards, or enter a new one."
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

    @pages.errorhandler(ApiError)
    def refused(error: ApiError) -> Any:
        return _secured(Response(render_template("message.html", error=error), error.status))

    return pages


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
    return _secured(Response(html), origins)


def _return(intent: Doc) -> Any:
    """Back to the shop with what Stripe adds to a return address."""
    if not intent["_return_url"]:
        return _secured(Response(render_template("message.html", error=None)))
    kind = intent["object"]
    parts = urlsplit(intent["_return_url"])
    added = {
        kind: intent["id"],
        f"{kind}_client_secret": intent["client_secret"],
        "redirect_status": "succeeded" if intent["status"] == "succeeded" else "failed",
    }
    query = urlencode([*parse_qsl(parts.query, keep_blank_values=True), *added.items()])
    return redirect(urlunsplit(parts._replace(query=query)), 303)


def _secured(response: Response, origins: set[str] | None = None, images: set[str] | None = None) -> Response:
    """Browsers hold form-action against the redirect after the post too, so it names where that leads."""
    response.headers["Content-Security-Policy"] = "; ".join(
        (
            "default-src 'none'",
            "style-src 'self'",
            " ".join(["img-src 'self'", *sorted(images or ())]),
            " ".join(["form-action 'self'", *sorted(origins or ())]),
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
