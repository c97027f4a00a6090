"""Stock: units on hand, and how many of them are promised."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import exc, text

from storefront.domain.errors import Conflict, NotFound
from storefront.services import carts
from storefront.stores import Stores
from tests.support.factories import order, product, shopper


def level(stores: Stores, sku: str) -> tuple[int, int, int]:
    row = stores.db.rows(text("SELECT quantity, reserved, received FROM stock WHERE sku = :s"), {"s": sku})[0]
    return row[0], row[1], row[2]


def cart_of(stores: Stores, *lines: tuple[str, int]) -> object:
    user_id = shopper()
    for sku, qty in lines:
        carts.add(stores, user_id, sku, qty)
    return stores.carts.active(user_id).cart_id


def test_reserved_units_are_given_back_or_sold_by_the_sums_of_all_carts(stores: Stores) -> None:
    sku, other = product(stores, quantity=20), product(stores, quantity=20)
    ids = [order(stores, sku, qty=2), order(stores, sku, other, qty=3)]
    of = [stores.orders.summary(one).cart_id for one in ids]
    assert level(stores, sku) == (20, 5, 20)
    with stores.transaction():
        stores.stock.release(of)
    assert level(stores, sku) == (20, 0, 20)
    assert level(stores, other) == (20, 0, 20)


def test_nothing_is_changed_for_no_carts_and_for_carts_that_are_not_there(stores: Stores) -> None:
    sku = product(stores, quantity=5)
    with stores.transaction():
        stores.stock.release([])
        stores.stock.take_reserved([uuid4()])
        stores.stock.put_back({})
    assert level(stores, sku) == (5, 0, 5)


def test_free_units_are_taken_all_or_none(stores: Stores) -> None:
    plenty, scarce = product(stores, quantity=9), product(stores, quantity=1)
    cart_id = cart_of(stores, (plenty, 2), (scarce, 2))
    with stores.transaction():
        assert stores.stock.take_free(cart_id) is False  # type: ignore[arg-type]
    assert level(stores, plenty) == (9, 0, 9)
    fits = cart_of(stores, (plenty, 2), (scarce, 1))
    with stores.transaction():
        assert stores.stock.take_free(fits) is True  # type: ignore[arg-type]
    assert (level(stores, plenty)[0], level(stores, scarce)[0]) == (7, 0)


def test_units_somebody_holds_are_not_free(stores: Stores) -> None:
    sku = product(stores, quantity=3)
    order(stores, sku, qty=2)
    cart_id = cart_of(stores, (sku, 2))
    with stores.transaction():
        assert stores.stock.take_free(cart_id) is False  # type: ignore[arg-type]


def test_receiving_and_counting_keep_what_was_sold_right(stores: Stores) -> None:
    sku = product(stores, quantity=10)
    with stores.transaction():
        assert stores.stock.receive(sku, 5).quantity == 15
    assert level(stores, sku) == (15, 0, 15)
    with stores.transaction():
        stores.stock.set(sku, 12)
    assert level(stores, sku) == (12, 0, 12)
    with stores.transaction():
        stores.stock.receive(sku, -12)
    assert level(stores, sku) == (0, 0, 0)


def test_stock_never_goes_below_what_is_held(stores: Stores) -> None:
    sku = product(stores, quantity=10)
    order(stores, sku, qty=4)
    with stores.transaction():
        stores.stock.set(sku, 4)
    with pytest.raises(Conflict), stores.transaction():
        stores.stock.set(sku, 3)
    with pytest.raises(Conflict), stores.transaction():
        stores.stock.receive(sku, -1)
    assert level(stores, sku) == (4, 4, 4)


def test_the_database_itself_refuses_to_promise_more_than_there_is(stores: Stores) -> None:
    sku = product(stores, quantity=1)
    for broken in ("reserved = 2", "reserved = -1", "quantity = -1"):
        with pytest.raises(exc.IntegrityError), stores.transaction():
            stores.db.session.execute(text(f"UPDATE stock SET {broken} WHERE sku = :s"), {"s": sku})
    assert level(stores, sku) == (1, 0, 1)


def test_an_unknown_sku_is_not_found(stores: Stores) -> None:
    with pytest.raises(NotFound):
        stores.stock.level("none")
    for change in (lambda: stores.stock.receive("none", 1), lambda: stores.stock.set("none", 1)):
        with pytest.raises(NotFound), stores.transaction():
            change()


def test_opening_a_known_sku_leaves_it_alone(stores: Stores) -> None:
    sku = product(stores, quantity=3)
    with stores.transaction():
        stores.stock.open(sku, 99)
    assert level(stores, sku) == (3, 0, 3)
