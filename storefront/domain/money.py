"""Amounts: integers of cents with their currency."""

from __future__ import annotations

from dataclasses import dataclass

MAX_CENTS = 99_999_999
"""The largest price and total: Stripe's limit of eight digits (https://docs.stripe.com/currencies)."""

MIN_CHARGE_CENTS = 50
"""Stripe's smallest charge in USD; smaller totals than this, other than 0, can't be paid."""


@dataclass(frozen=True, order=True)
class Money:
    """An amount in hundredths of ``currency`` (ISO 4217, upper case)."""

    cents: int
    currency: str

    def __add__(self, other: Money) -> Money:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} do not add up")
        return Money(self.cents + other.cents, self.currency)

    def __mul__(self, times: int) -> Money:
        return Money(self.cents * times, self.currency)
