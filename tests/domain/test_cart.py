"""Quantities as typed, lines as seen, and the digest that a shopper confirms."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storefront.domain.cart import CartLine, CartView, digest, read_quantity
from storefront.domain.errors import Invalid


@pytest.mark.parametrize(("typed", "quantity"), [("1", 1), ("99", 99), ("07", 7), ("000000012", 12)])
def test_a_quantity_in_plain_digits(typed: str, quantity: int) -> None:
    assert read_quantity(typed) == quantity


def test_nothing_may_be_asked_for_only_where_it_removes() -> None:
    assert read_quantity("0", least=0) == 0
    with pytest.raises(Invalid):
        read_quantity("0")


@pytest.mark.parametrize(
    "typed",
    ["", "0", "100", "-1", "+1", " 7", "7 ", "1_0", "1.0", "1e1", "٣", "７", "0x1", "9" * 30, "1\n", "\x00"],
)
def test_any_other_quantity_is_refused_with_words_for_its_field(typed: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_quantity(typed)
    assert refused.value.errors == {"quantity": "Enter a quantity from 1 to 99, in digits"}


def line(**changes: Any) -> CartLine:
    as_it_is: dict[str, Any] = {
        "sku": "pan",
        "name": "Pan",
        "qty": 2,
        "price_seen": 1200,
        "price_cents": 1200,
        "available": 5,
        "listed": True,
        "category": "",
        "image_url": "",
    }
    return CartLine(**{**as_it_is, **changes})


@pytest.mark.parametrize(
    ("changes", "short", "changed"),
    [
        ({}, False, False),
        ({"available": 2}, False, False),
        ({"available": 1}, True, False),
        ({"listed": False}, True, False),
        ({"price_seen": 1100}, False, True),
    ],
)
def test_a_line_tells_what_is_wrong_with_it(changes: dict[str, Any], short: bool, changed: bool) -> None:
    assert (line(**changes).short, line(**changes).price_changed) == (short, changed)


def test_a_cart_counts_units_and_adds_up_the_prices_of_now() -> None:
    cart = CartView(uuid4(), (line(), line(sku="lid", qty=3, price_seen=1, price_cents=50)))
    assert (cart.count, cart.total_cents, cart.orderable) == (5, 2550, True)
    assert not CartView(uuid4(), ()).orderable
    assert not CartView(uuid4(), (line(), line(available=0))).orderable


lines = st.tuples(st.text(min_size=1, max_size=5), st.integers(1, 99), st.integers(0, 10**8))


@given(st.lists(lines, max_size=5, unique_by=lambda one: one[0]), st.randoms())
def test_a_digest_goes_by_what_is_in_the_cart_not_by_its_order(cart: list[Any], chance: Any) -> None:
    shuffled = list(cart)
    chance.shuffle(shuffled)
    assert digest(cart) == digest(shuffled)


@pytest.mark.parametrize("other", [("pan", 3, 1200), ("pan", 2, 1201), ("lid", 2, 1200)])
def test_a_digest_tells_sku_quantity_and_price_apart(other: tuple[str, int, int]) -> None:
    assert digest([("pan", 2, 1200)]) != digest([other])
