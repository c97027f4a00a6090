"""Numbers people read out, tracking codes, and what can be a SKU."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storefront.domain.ids import (
    CROCKFORD,
    OrderNumber,
    new_order_number,
    order_number_of,
    read_order_number,
    sku_problem,
    tracking_code,
)

numbers = st.text(CROCKFORD, min_size=8, max_size=8).map(lambda s: OrderNumber(f"{s[:4]}-{s[4:]}"))


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


@given(numbers)
def test_a_tracking_code_leads_back_to_its_number(number: OrderNumber) -> None:
    assert order_number_of(tracking_code(number)) == number


@given(numbers, st.integers(0, 7), st.sampled_from(CROCKFORD))
def test_one_wrong_character_in_a_tracking_code_is_noticed(
    number: OrderNumber, position: int, other: str
) -> None:
    code = tracking_code(number)
    slipped = code[: 2 + position] + other + code[3 + position :]
    assert order_number_of(slipped) == (number if slipped == code else None)


@pytest.mark.parametrize("code", ["", "LF", "XX7K3MQ9TX0", "lf7k3mq9tx0", "LF7K3MQ9TX", "LF7K3MQ9TX00"])
def test_other_codes_are_not_ours(code: str) -> None:
    assert order_number_of(code) is None


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
