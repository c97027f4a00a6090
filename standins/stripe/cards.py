"""Stripe's published test cards (https://docs.stripe.com/testing) and what each of them does.

Stored payment methods name a card by its ``key``; numbers are read from the form and forgotten.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

from .store import Doc, new_id

DECLINED = "Your card was declined."


@dataclass(frozen=True)
class Decline:
    code: str
    decline_code: str | None
    message: str


GENERIC = Decline("card_declined", "generic_decline", DECLINED)
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
NOT_A_TEST_CARD = Decline(
    "card_declined",
    "test_mode_live_card",
    "Your card was declined. This is a test page, and the card is not one of the test cards.",
)


@dataclass(frozen=True)
class TestCard:
    key: str
    number: str
    does: str
    brand: str = "visa"
    decline: Decline | None = None
    attaches: bool = True
    """Whether the card can be saved; cards that decline usually can't."""
    authentication: Literal["never", "unless_set_up", "always"] = "never"
    disputed: bool = False
    refund: Literal["succeeds", "fails_later", "pending_first"] = "succeeds"
    in_help: bool = True

    @property
    def last4(self) -> str:
        return self.number[-4:]

    @property
    def spaced(self) -> str:
        if self.brand == "amex":
            return f"{self.number[:4]} {self.number[4:10]} {self.number[10:]}"
        return " ".join(self.number[start : start + 4] for start in range(0, 16, 4))


def _declines(key: str, number: str, does: str, decline: Decline) -> TestCard:
    return TestCard(key, number, does, decline=decline, attaches=False)


CARDS = (
    TestCard("pm_card_visa", "4242424242424242", "Pays"),
    TestCard("pm_card_mastercard", "5555555555554444", "Pays (Mastercard)", brand="mastercard"),
    TestCard("pm_card_amex", "378282246310005", "Pays (American Express)", brand="amex"),
    TestCard(
        "pm_card_authenticationRequiredOnSetup",
        "4000002500003155",
        "Asks for 3-D Secure, once saved no more",
        authentication="unless_set_up",
    ),
    TestCard(
        "pm_card_authenticationRequired",
        "4000002760003184",
        "Asks for 3-D Secure every time",
        authentication="always",
    ),
    _declines("pm_card_chargeDeclined", "4000000000000002", "Is declined", GENERIC),
    _declines(
        "pm_card_chargeDeclinedInsufficientFunds",
        "4000000000009995",
        "Has insufficient funds",
        Decline("card_declined", "insufficient_funds", "Your card has insufficient funds."),
    ),
    _declines(
        "pm_card_chargeDeclinedExpiredCard",
        "4000000000000069",
        "Has expired",
        Decline("expired_card", None, "Your card has expired."),
    ),
    _declines(
        "pm_card_chargeDeclinedIncorrectCvc",
        "4000000000000127",
        "Has another security code",
        Decline("incorrect_cvc", None, "Your card's security code is incorrect."),
    ),
    TestCard(
        "pm_card_chargeCustomerFail", "4000000000000341", "Can be saved, then is declined", decline=GENERIC
    ),
    TestCard("pm_card_createDispute", "4000000000000259", "Pays, then is disputed", disputed=True),
    TestCard("pm_card_refundFail", "4000000000005126", "Pays; refunds fail later", refund="fails_later"),
    TestCard(
        "pm_card_pendingRefund", "4000000000007726", "Pays; refunds take a while", refund="pending_first"
    ),
    TestCard("pm_card_bypassPending", "4000000000000077", "Pays", in_help=False),
)

BY_KEY = {card.key: card for card in CARDS}
BY_NUMBER = {card.number: card for card in CARDS}

# Stripe renamed some of its test payment methods; both spellings work there, and the old tokens too.
ALIASES = {
    "pm_card_visa_chargeDeclined": "pm_card_chargeDeclined",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "pm_card_chargeDeclinedInsufficientFunds",
    "pm_card_visa_chargeDeclinedExpiredCard": "pm_card_chargeDeclinedExpiredCard",
    "pm_card_visa_chargeDeclinedIncorrectCvc": "pm_card_chargeDeclinedIncorrectCvc",
    "pm_card_threeDSecure2Required": "pm_card_authenticationRequired",
}


def by_name(name: str) -> TestCard | None:
    """The card behind ``pm_card_…`` or ``tok_…``."""
    if name.startswith("tok_"):
        name = "pm_card_" + name.removeprefix("tok_")
    return BY_KEY.get(ALIASES.get(name, name))


def luhn(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number)]
    return sum(digits[0::2]) % 10 == (-sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])) % 10


def brand_of(number: str) -> str:
    """By the leading digits; enough to know how long a security code is."""
    if number[:2] in ("34", "37"):
        return "amex"
    if number[:1] == "4":
        return "visa"
    if number[:1] in ("2", "5"):
        return "mastercard"
    return "unknown"


def details(card: TestCard, exp_month: int, exp_year: int) -> Doc:
    fingerprint = hashlib.sha256(f"fingerprint {card.key}".encode()).hexdigest()[:16]
    return {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": "american_express" if card.brand == "amex" else card.brand,
        "exp_month": exp_month,
        "exp_year": exp_year,
        "fingerprint": fingerprint,
        "funding": "credit",
        "generated_from": None,
        "last4": card.last4,
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


def payment_method(
    card: TestCard,
    created: int,
    *,
    exp_month: int = 8,
    exp_year: int = 2036,
    name: str | None = None,
    email: str | None = None,
) -> Doc:
    address = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
    return {
        "id": new_id("pm_1"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {"address": address, "email": email, "name": name, "phone": None, "tax_id": None},
        "card": details(card, exp_month, exp_year),
        "created": created,
        "customer": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
        "_card": card.key,
        "_set_up": False,
        "_spent": False,
    }
