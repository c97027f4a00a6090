"""The card form of the hosted page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from . import cards, methods
from .params import EMAIL
from .store import Doc

EXPIRY = re.compile(r"(\d{1,2}) ?[/.-] ?(\d{2}|\d{4})|(\d{2})(\d{2}|\d{4})", re.ASCII)
FIELDS = ("email", "number", "exp", "cvc", "name")


@dataclass
class CardForm:
    """What was typed, what is wrong with it, and the card it means."""

    values: dict[str, str]
    saved: str | None = None
    """Id of the saved card that was chosen instead of typing one."""
    save: bool = False
    errors: dict[str, str] = field(default_factory=dict)
    month: int = 0
    year: int = 0

    @property
    def email(self) -> str | None:
        return self.values["email"] or None

    @property
    def name(self) -> str | None:
        return self.values["name"] or None

    def payment_method(self, created: int) -> Doc:
        """A new payment method. The number goes no further than this."""
        card = cards.BY_NUMBER.get(digits(self.values["number"]), methods.UNKNOWN)
        return cards.payment_method(
            card, created, exp_month=self.month, exp_year=self.year, name=self.name, email=self.email
        )


def empty(email: str | None) -> CardForm:
    return CardForm({**dict.fromkeys(FIELDS, ""), "email": email or ""})


def read(posted: Mapping[str, str], today: date) -> CardForm:
    form = CardForm(
        {name: posted.get(name, "").strip()[:200] for name in FIELDS}, save=bool(posted.get("save"))
    )
    chosen = posted.get("card", "new")
    # A number that was typed counts even if a saved card is still ticked: without scripts nothing unticks it.
    if chosen != "new" and not form.values["number"]:
        form.saved = chosen
        return form
    _check_email(form)
    _check_number(form)
    _check_expiry(form, today)
    _check_cvc(form)
    return form


def digits(number: str) -> str:
    return re.sub(r"[ \u00a0-]", "", number)


def _check_email(form: CardForm) -> None:
    if not EMAIL.fullmatch(form.values["email"]):
        form.errors["email"] = "Enter your e-mail address, such as name@example.com."


def _check_number(form: CardForm) -> None:
    number = digits(form.values["number"])
    if not number:
        form.errors["number"] = "Enter your card number."
    elif not (number.isascii() and number.isdigit() and 12 <= len(number) <= 19 and cards.luhn(number)):
        form.errors["number"] = "Your card number is invalid."


def _check_expiry(form: CardForm, today: date) -> None:
    match = EXPIRY.fullmatch(form.values["exp"])
    if not match:
        form.errors["exp"] = "Enter the expiry date as MM / YY."
        return
    month, year = (int(part) for part in match.groups() if part)
    year += 2000 if year < 100 else 0
    if not 1 <= month <= 12:
        form.errors["exp"] = "The month is a number from 01 to 12."
    elif (year, month) < (today.year, today.month):
        form.errors["exp"] = "Your card's expiry date is in the past."
    elif year > today.year + 50:
        form.errors["exp"] = "Your card's expiry year is invalid."
    form.month, form.year = month, year


def _check_cvc(form: CardForm) -> None:
    wanted = 4 if cards.brand_of(digits(form.values["number"])) == "amex" else 3
    cvc = form.values["cvc"]
    if not (cvc.isascii() and cvc.isdigit() and len(cvc) == wanted):
        form.errors["cvc"] = f"The security code has {wanted} digits."
