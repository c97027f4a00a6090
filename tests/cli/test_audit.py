"""``storefront audit`` as an operator and a monitor type it."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from sqlalchemy import text

from storefront.domain.orders import OrderStatus
from storefront.process import Process
from storefront.stores import Stores
from tests.cli.conftest import Operator
from tests.support.factories import order, pay_page, product
from tests.support.stripe_control import unavailable
from tests.support.till import open_page


def spoil(stores: Stores, statement: str) -> None:
    with stores.transaction():
        assert stores.db.session.execute(text(statement)).rowcount  # type: ignore[attr-defined]


@pytest.fixture
def placed(stores: Stores) -> UUID:
    return order(stores, product(stores, "pan", quantity=10), qty=2)


def test_a_sound_shop_is_told_so(operator: Operator, placed: UUID) -> None:
    typed = operator("audit")
    assert (typed.status, typed.out) == (0, "All invariants hold (1 orders, 1 products).\n")
    assert json.loads(operator("audit", "--json").out) == []


def test_what_is_broken_is_a_line_and_an_exit_status(
    operator: Operator, stores: Stores, placed: UUID
) -> None:
    spoil(stores, "UPDATE stock SET reserved = 5")
    spoil(stores, "UPDATE orders SET extended_at = now()")
    number = stores.orders.summary(placed).number
    typed = operator("audit")
    assert typed.status == 1
    assert typed.out.splitlines() == [
        "I2: pan has 5 reserved, but pending orders hold 2. storefront audit --repair mends this.",
        f"I9: Order {number} has its hold extended, but it was not, by its events. "
        f"Look at its history with: storefront orders show {number}",
    ]
    typed = operator("audit", "--json")
    assert typed.status == 1
    first, second = json.loads(typed.out)
    assert {key: first[key] for key in ("invariant", "sku", "repairable")} == {
        "invariant": "I2",
        "sku": "pan",
        "repairable": True,
    }
    assert {key: second[key] for key in ("invariant", "order_id", "repairable")} == {
        "invariant": "I9",
        "order_id": str(placed),
        "repairable": False,
    }


def test_a_repair_mends_what_it_can_and_leaves_the_rest_told(
    operator: Operator, stores: Stores, placed: UUID
) -> None:
    spoil(stores, "UPDATE stock SET reserved = 5")
    typed = operator("audit", "--repair")
    assert typed.status == 0
    assert "Mended I2: pan: reserved set from 5 to 2." in typed.err
    assert typed.out == "All invariants hold (1 orders, 1 products).\n"
    spoil(stores, "UPDATE stock SET reserved = 5")
    spoil(stores, "UPDATE orders SET extended_at = now()")
    typed = operator("audit", "--repair", "--json")
    assert typed.status == 1
    assert [one["invariant"] for one in json.loads(typed.out)] == ["I9"]
    assert stores.stock.level("pan").reserved == 2


def test_a_charge_nobody_noticed_is_settled(
    operator: Operator, process: Process, stores: Stores, stripe: str, placed: UUID
) -> None:
    pay_page(open_page(process, placed))
    assert operator("audit").status == 0
    typed = operator("audit", "--stripe")
    assert typed.status == 1
    assert typed.out.startswith("I6: Order ")
    typed = operator("audit", "--stripe", "--repair")
    assert typed.status == 0
    assert typed.out.endswith("All invariants hold (1 orders, 1 products).\n")
    # The worker's round that belongs to a repair went on with it.
    assert stores.orders.summary(placed).status is OrderStatus.PREPARING


def test_a_store_that_does_not_answer_is_no_good_news(
    operator: Operator, process: Process, stores: Stores, stripe: str, placed: UUID
) -> None:
    open_page(process, placed)
    with unavailable(stripe):
        typed = operator("audit", "--stripe")
    assert (typed.status, typed.out) == (1, "")
    assert typed.err == "Stripe does not answer, so nothing is known about it.\n"
