"""Amounts are integers of cents, and keep to their currency."""

from __future__ import annotations

import pytest

from storefront.domain.money import Money


def test_amounts_add_up_and_multiply() -> None:
    assert Money(1999, "USD") * 3 + Money(1, "USD") == Money(5998, "USD")


def test_amounts_of_two_currencies_do_not_add_up() -> None:
    with pytest.raises(ValueError, match="USD and EUR"):
        Money(1, "USD") + Money(1, "EUR")
