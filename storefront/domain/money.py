"""Amounts are integers of cents, all of them in the shop's one currency. These bound them."""

from __future__ import annotations

MAX_CENTS = 99_999_999
"""The largest price and total: Stripe's limit of eight digits (https://docs.stripe.com/currencies)."""

_LEAST = {
    "AED": 200, "BGN": 100, "CZK": 1500, "DKK": 250, "GBP": 30, "HKD": 400, "HUF": 17500, "MXN": 1000,
    "MYR": 200, "NOK": 300, "PLN": 200, "RON": 200, "SEK": 300, "THB": 1000,
}  # fmt: skip


def least_charge(currency: str) -> int:
    """Stripe's smallest charge in a currency, in hundredths: smaller totals, other than 0, can't be paid.

    By https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts; 0.50 for those in it
    that are not listed here. Outside of the table Stripe goes by the currency in which the account settles:
    then its own refusal is the last word.
    """
    return _LEAST.get(currency, 50)
