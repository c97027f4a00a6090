"""Numbers people read out, tracking codes, and what can be a SKU."""

from __future__ import annotations

import pytest

from storefront.domain.ids import (
    CROCKFORD,
    _check_character,
    new_order_number,
    new_tracking_code,
    read_order_number,
    sku_problem,
)


def test_a_number_is_two_groups_of_four() -> None:
    for number in {new_order_number() for _ in range(200)}:
        assert read_order_number(number) == number
        assert len(number) == 9
        assert number[4] == "-"


@pytest.mark.parametrize(
    "typed", ["7K3M-Q9TX", "7k3m-q9tx", "7K3MQ9TX", "7k3m q9tx", " 7-K-3-M-Q-9-T-X ", "7K3M\u00a0Q9TX"]
)
def test_a_number_is_read_in_any_spelling(typed: str) -> None:
    assert read_order_number(typed) == "7K3M-Q9TX"


def test_letters_that_look_like_digits_are_read_as_those() -> None:
    assert read_order_number("IlOo-1100") == "1100-1100"


@pytest.mark.parametrize(
    "typed", ["", "7K3M-Q9T", "7K3M-Q9TXX", "7K3M-Q9TU", "7K3M_Q9TX", "７K3M-Q9TX", "7K3M-Q9T\x00"]
)
def test_what_can_be_no_number_is_none(typed: str) -> None:
    assert read_order_number(typed) is None


def test_a_slip_of_the_pen_is_no_other_parcels_code() -> None:
    code = new_tracking_code()
    assert code.startswith("LF")
    assert len(code) == 11
    for position in range(2, 10):
        for other in set(CROCKFORD) - {code[position]}:
            slipped = code[2:position] + other + code[position + 1 : 10]
            assert _check_character(slipped) != code[10]


@pytest.mark.parametrize("sku", ["A", "a b", "Größe/42", "1.5", "x" * 64, "..a", "a/.b", "%2F", "💡"])
def test_what_can_be_a_sku(sku: str) -> None:
    assert sku_problem(sku) is None


@pytest.mark.parametrize(
    "sku",
    [
        "",
        " a",
        "a ",
        "x" * 65,
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "a/../b",
        "./a",
        "a\nb",
        "a\x00",
        "a\u2028b",
        "\ud800",
    ],
)
def test_what_can_be_no_sku(sku: str) -> None:
    assert sku_problem(sku)
