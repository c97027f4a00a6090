"""What the hosted pages show of a Session, and how browsers are to treat them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlsplit

from babel import Locale, UnknownLocaleError
from babel.numbers import format_currency, get_currency_precision
from flask import Response

from . import methods
from .store import Doc, Tx


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


def secured(response: Response, origins: set[str] | None = None, images: set[str] | None = None) -> Response:
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
