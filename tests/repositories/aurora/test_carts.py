"""Carts in Aurora: one open cart a shopper, closed for ever by the order that came of it."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import exc, text

from storefront.domain.errors import NotFound
from storefront.services import carts
from storefront.stores import Stores
from tests.support.factories import order, product, shopper


def test_a_shopper_has_one_open_cart(stores: Stores) -> None:
    user_id = shopper()
    with stores.transaction():
        first = stores.carts.open(user_id)
        assert stores.carts.open(user_id) == first
    with pytest.raises(exc.IntegrityError), stores.transaction():
        stores.db.session.execute(
            text("INSERT INTO carts (cart_id, user_id) VALUES (:c, :u)"), {"c": uuid4(), "u": user_id}
        )


def test_a_closed_cart_is_followed_by_a_new_one(stores: Stores) -> None:
    user_id = shopper()
    order_id = order(stores, user_id=user_id)
    with stores.transaction():
        assert stores.carts.open(user_id) != stores.orders.summary(order_id).cart_id


def test_lines_come_in_sku_order_with_what_is_true_now(stores: Stores) -> None:
    user_id = shopper()
    for sku in ("b", "a", "c"):
        carts.add(stores, user_id, product(stores, sku, price=100, quantity=5), 2)
    with stores.transaction():
        stores.db.session.execute(text("UPDATE products SET price_cents = 150 WHERE sku = 'b'"))
        stores.db.session.execute(text("UPDATE stock SET quantity = 1 , received = 1 WHERE sku = 'c'"))
    view = stores.carts.active(user_id)
    assert [
        (line.sku, line.price_seen, line.price_cents, line.available, line.short) for line in view.lines
    ] == [
        ("a", 100, 100, 5, False),
        ("b", 100, 150, 5, False),
        ("c", 100, 100, 1, True),
    ]
    assert view.total_cents == 700
    assert stores.carts.count(user_id) == 6


@pytest.mark.parametrize("qty", [0, -1, 100])
def test_the_database_itself_refuses_odd_quantities(stores: Stores, qty: int) -> None:
    user_id, sku = shopper(), product(stores)
    carts.add(stores, user_id, sku, 1)
    with pytest.raises(exc.IntegrityError), stores.transaction():
        stores.db.session.execute(text("UPDATE cart_items SET qty = :q"), {"q": qty})


def test_somebody_elses_cart_cannot_be_locked(stores: Stores) -> None:
    user_id, sku = shopper(), product(stores)
    carts.add(stores, user_id, sku, 1)
    cart_id = stores.carts.active(user_id).cart_id
    assert cart_id is not None
    with pytest.raises(NotFound), stores.transaction():
        stores.carts.lock_open(cart_id, shopper())
    with stores.transaction():
        assert stores.carts.lock_open(cart_id, user_id) is True


def test_freezing_touches_the_lines_of_its_cart_only(stores: Stores) -> None:
    one, other, sku = shopper(), shopper(), product(stores, price=100, name="Jug")
    for user_id in (one, other):
        carts.add(stores, user_id, sku, 1)
    cart_id = stores.carts.active(one).cart_id
    assert cart_id is not None
    with stores.transaction():
        stores.carts.freeze(cart_id, {sku: ("Old jug", 90)})
    rows = stores.db.rows(text("SELECT name, price_cents FROM cart_items ORDER BY price_cents"))
    assert [tuple(row) for row in rows] == [("Old jug", 90), ("Jug", 100)]
    assert stores.carts.active(one).cart_id is None
    assert stores.carts.active(other).count == 1
