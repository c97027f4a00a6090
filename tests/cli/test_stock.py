"""Stock as an operator types it."""

from __future__ import annotations

import json

import pytest

from storefront.process import Process
from storefront.stores import Stores
from tests.cli.conftest import Operator
from tests.support.audit import assert_sound
from tests.support.factories import order, product


def test_stock_is_shown_received_and_set(operator: Operator, process: Process, stores: Stores) -> None:
    product(stores, "pan", quantity=10)
    order(stores, "pan", qty=3)
    assert json.loads(operator("stock", "show", "pan", "--json").out) == {
        "sku": "pan",
        "quantity": 10,
        "reserved": 3,
    }
    assert operator("stock", "show", "pan").out == "pan: 10 on hand, 3 reserved, 7 available\n"
    assert operator("stock", "receive", "pan", "5").out == (
        "Received 5. pan: 15 on hand, 3 reserved, 12 available\n"
    )
    assert operator("stock", "set", "pan", "3").out == "pan: 3 on hand, 3 reserved, 0 available\n"
    assert_sound(process)


def test_stock_does_not_go_below_what_is_reserved(operator: Operator, stores: Stores) -> None:
    product(stores, "pan", quantity=10)
    order(stores, "pan", qty=3)
    typed = operator("stock", "set", "pan", "2")
    assert (typed.status, typed.out) == (1, "")
    assert "less than the 3 reserved" in typed.err
    assert stores.stock.level("pan").quantity == 10


@pytest.mark.parametrize("words", [["show", "nope"], ["receive", "nope", "1"], ["set", "nope", "1"]])
def test_an_unknown_sku_is_a_refusal(operator: Operator, words: list[str]) -> None:
    typed = operator("stock", *words)
    assert (typed.status, typed.out) == (1, "")
    assert typed.err == "storefront: There is no product with the SKU 'nope'\n"


def test_skus_may_hold_spaces_slashes_and_any_letters(operator: Operator, stores: Stores) -> None:
    product(stores, "Größe 3/4 – rot", quantity=2)
    assert json.loads(operator("stock", "show", "Größe 3/4 – rot", "--json").out)["quantity"] == 2
