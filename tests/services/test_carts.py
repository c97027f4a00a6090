"""What a shopper does with a cart."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text

from storefront.domain.cart import MAX_LINES
from storefront.domain.errors import Conflict, NotFound, TooLarge
from storefront.domain.ids import UserId
from storefront.domain.orders import OrderStatus
from storefront.process import Process
from storefront.services import carts, holds
from storefront.stores import Stores
from tests.support.concurrency import at_once
from tests.support.factories import lapse, order, product, shopper


def unpaid(stores: Stores, *skus: str, user_id: UserId | None = None, qty: int = 1) -> UUID:
    """An order whose hold ended."""
    order_id = order(stores, *skus, qty=qty, user_id=user_id)
    lapse(stores, order_id)
    holds._expire(stores, [order_id])
    return order_id


def test_adding_takes_any_quantity_whatever_the_stock_and_says_that_it_is_short(stores: Stores) -> None:
    sku = product(stores, quantity=2)
    added = carts.add(stores, shopper(), sku, 99)
    assert (added.line.qty, added.line.short) == (99, True)
    assert not added.cart.orderable
    assert stores.stock.level(sku).reserved == 0


def test_adding_again_adds_up_to_99(stores: Stores) -> None:
    user_id, sku = shopper(), product(stores, quantity=200)
    assert carts.add(stores, user_id, sku, 60).line.qty == 60
    again = carts.add(stores, user_id, sku, 60)
    assert (again.line.qty, again.cart.count) == (99, 99)


@pytest.mark.parametrize("sku", ["no-such", "", "a\x00b", "\ud800", "x" * 100_000, "/", ".."])
def test_what_is_no_product_cannot_be_added_or_changed(stores: Stores, sku: str) -> None:
    user_id = shopper()
    with pytest.raises(NotFound):
        carts.add(stores, user_id, sku, 1)
    with pytest.raises(NotFound):
        carts.change(stores, user_id, sku, 1)


def test_a_product_that_is_not_listed_cannot_be_added(stores: Stores) -> None:
    sku = product(stores)
    with stores.transaction():
        stores.db.session.execute(text("UPDATE products SET listed = false"))
    with pytest.raises(NotFound):
        carts.add(stores, shopper(), sku, 1)


def test_a_full_cart_takes_no_more_lines_but_more_of_what_is_in_it(stores: Stores) -> None:
    user_id = shopper()
    skus = [product(stores, f"S{index:03}") for index in range(MAX_LINES + 1)]
    for sku in skus[:-1]:
        carts.add(stores, user_id, sku, 1)
    with pytest.raises(TooLarge):
        carts.add(stores, user_id, skus[-1], 1)
    carts.add(stores, user_id, skus[0], 1)
    view = stores.carts.active(user_id)
    assert (len(view.lines), view.count) == (MAX_LINES, MAX_LINES + 1)


def test_nought_removes_a_line_and_an_unknown_line_is_not_found(stores: Stores) -> None:
    user_id, sku, other = shopper(), product(stores), product(stores)
    carts.add(stores, user_id, sku, 3)
    with pytest.raises(NotFound):
        carts.change(stores, user_id, other, 2)
    assert carts.change(stores, user_id, sku, 7).count == 7
    assert carts.change(stores, user_id, sku, 0).lines == ()


def test_a_changed_price_is_marked_until_the_line_is_touched(stores: Stores) -> None:
    user_id, sku = shopper(), product(stores, price=1000)
    carts.add(stores, user_id, sku, 1)
    with stores.transaction():
        stores.db.session.execute(text("UPDATE products SET price_cents = 1100"))
    (line,) = stores.carts.active(user_id).lines
    assert (line.price_seen, line.price_cents, line.price_changed) == (1000, 1100, True)
    (line,) = carts.change(stores, user_id, sku, 2).lines
    assert not line.price_changed


def test_carts_of_two_shoppers_are_apart(stores: Stores) -> None:
    sku, one, other = product(stores), shopper(), shopper()
    carts.add(stores, one, sku, 1)
    assert stores.carts.active(other).lines == ()
    carts.change(stores, other, sku, 0)
    assert stores.carts.count(one) == 1


def test_twelve_first_adds_at_once_share_one_cart(process: Process, stores: Stores) -> None:
    user_id, sku = shopper(), product(stores)
    done = at_once(*[lambda: carts.add(process.stores(), user_id, sku, 1)] * 12)
    assert done.errors == []
    assert stores.carts.count(user_id) == 12
    assert stores.db.rows(text("SELECT count(*) FROM carts"))[0][0] == 1


def test_lines_of_an_order_that_ended_unpaid_go_back_once(stores: Stores) -> None:
    user_id, sku = shopper(), product(stores)
    order_id = unpaid(stores, sku, user_id=user_id, qty=2)
    assert carts.put_back(stores, user_id, order_id) == 1
    with pytest.raises(Conflict):
        carts.put_back(stores, user_id, order_id)
    assert stores.carts.count(user_id) == 2


def test_lines_go_back_once_however_often_it_is_clicked_at_once(process: Process, stores: Stores) -> None:
    user_id, sku = shopper(), product(stores)
    order_id = unpaid(stores, sku, user_id=user_id, qty=2)
    done = at_once(*[lambda: carts.put_back(process.stores(), user_id, order_id)] * 8)
    assert len(done.results) == 1
    assert done.kinds() == {Conflict}
    assert stores.carts.count(user_id) == 2


def test_lines_of_a_held_order_stay_where_they_are(stores: Stores) -> None:
    user_id = shopper()
    order_id = order(stores, user_id=user_id)
    with pytest.raises(Conflict):
        carts.put_back(stores, user_id, order_id)
    assert stores.carts.count(user_id) == 0


def test_what_does_not_fit_into_the_cart_is_not_put_back_and_may_be_tried_again(stores: Stores) -> None:
    user_id = shopper()
    sku = product(stores)
    order_id = unpaid(stores, sku, user_id=user_id)
    others = [product(stores, f"S{index:03}") for index in range(MAX_LINES)]
    for other in others:
        carts.add(stores, user_id, other, 1)
    with pytest.raises(TooLarge):
        carts.put_back(stores, user_id, order_id)
    carts.change(stores, user_id, others[0], 0)
    assert carts.put_back(stores, user_id, order_id) == 1


def test_products_no_longer_sold_stay_behind(stores: Stores) -> None:
    user_id, kept, gone = shopper(), product(stores), product(stores)
    order_id = unpaid(stores, kept, gone, user_id=user_id)
    with stores.transaction():
        stores.db.session.execute(text("UPDATE products SET listed = false WHERE sku = :s"), {"s": gone})
    assert carts.put_back(stores, user_id, order_id) == 1
    assert [line.sku for line in stores.carts.active(user_id).lines] == [kept]


def test_a_paid_order_can_be_ordered_again_as_often_as_wished(stores: Stores) -> None:
    user_id, sku = shopper(), product(stores, price=0)
    order_id = order(stores, sku, user_id=user_id, qty=2)
    assert stores.orders.summary(order_id).status is OrderStatus.PAID
    for wanted in (2, 4):
        carts.order_again(stores, user_id, order_id)
        assert stores.carts.count(user_id) == wanted
    assert stores.orders.view(order_id).lines[0].qty == 2
