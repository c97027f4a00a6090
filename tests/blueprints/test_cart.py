"""The cart's pages."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from storefront.stores import Stores
from tests.support.client import add, new_browser, ordered, readable
from tests.support.factories import product

BAD_QUANTITIES = [
    "0",
    "-1",
    "100",
    "1_0",
    "٣",
    "",
    " 7 ",
    "7 ",
    "1.0",
    "1e1",
    "+1",
    "99999999999999999999",
    "x",
    "\x00",
    "７",
]


def count(stores: Stores) -> int:
    return int(stores.db.rows(text("SELECT coalesce(sum(qty), 0) FROM cart_items"))[0][0])


def test_adding_leads_to_the_cart_which_shows_the_line(client: FlaskClient, stores: Stores) -> None:
    sku = product(stores, name="Blue <jug>", price=1250)
    answer = add(client, sku, "3")
    assert (answer.status_code, answer.location) == (303, "/cart")
    page = client.get("/cart").text
    assert "Blue &lt;jug&gt;" in page
    assert "$37.50" in page
    assert re.search(r'id="cart-count"[^>]*>Cart \(3\)<', page)


def test_the_count_is_told_by_a_cookie_that_scripts_can_read(client: FlaskClient, stores: Stores) -> None:
    sku = product(stores)
    add(client, sku, "2")
    cookie = client.get_cookie("cart_count")
    assert cookie is not None
    assert (cookie.value, cookie.http_only, cookie.same_site) == ("2", False, "Lax")
    client.post(f"/cart/items/{sku}", data={"quantity": "0"})
    cookie = client.get_cookie("cart_count")
    assert cookie is not None
    assert cookie.value == "0"


def test_adding_under_htmx_answers_with_a_part_that_tells_the_count(
    client: FlaskClient, stores: Stores
) -> None:
    sku = product(stores, name="Jug", quantity=1)
    answer = client.post("/cart/items", data={"sku": sku, "quantity": "2"}, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert "Cart (2)" in answer.text
    assert "2 added" in answer.text
    assert "more than we can give you" in answer.text


def test_an_empty_cart_is_a_page(client: FlaskClient) -> None:
    page = client.get("/cart")
    assert page.status_code == 200
    assert readable(page)


def test_a_quantity_that_is_no_plain_number_from_1_to_99_is_refused(
    client: FlaskClient, stores: Stores
) -> None:
    sku = product(stores)
    for quantity in BAD_QUANTITIES:
        answer = add(client, sku, quantity)
        assert answer.status_code == 422, repr(quantity)
        assert readable(answer)
    assert count(stores) == 0


def test_a_change_to_such_a_quantity_is_refused(client: FlaskClient, stores: Stores) -> None:
    sku = product(stores)
    add(client, sku, "5")
    for quantity in BAD_QUANTITIES:
        if quantity != "0":
            answer = client.post(f"/cart/items/{sku}", data={"quantity": quantity})
            assert answer.status_code == 422, repr(quantity)
            assert readable(answer)
    assert count(stores) == 5


def test_the_least_and_the_most_are_taken(client: FlaskClient, stores: Stores) -> None:
    sku = product(stores)
    assert add(client, sku, "1").status_code == 303
    assert client.post(f"/cart/items/{sku}", data={"quantity": "99"}).status_code == 303
    assert count(stores) == 99


def test_a_product_that_is_not_there_cannot_be_added(client: FlaskClient, stores: Stores) -> None:
    for sku in ("no-such", "", "\x00", "a\x00b", "x" * 10_000, "../..", "%"):
        answer = add(client, sku)
        assert answer.status_code == 404, repr(sku)
        assert readable(answer)
    assert count(stores) == 0


def test_a_line_that_is_not_there_cannot_be_changed(client: FlaskClient, stores: Stores) -> None:
    for path in ("no-such", "%00", "a%00b", "%ED%A0%80", "%FF", "x" * 5000, "a/../b", "%0d%0a"):
        answer = client.post(f"/cart/items/{path}", data={"quantity": "1"})
        assert answer.status_code in (404, 405), path
        assert readable(answer)


@pytest.mark.parametrize("field", ["sku", "quantity"])
def test_odd_bytes_in_a_field_are_a_4xx(client: FlaskClient, stores: Stores, field: str) -> None:
    good = {"sku": product(stores).encode(), "quantity": b"1"}
    for odd in (b"%00", b"%ED%A0%80", b"%FF%FE", b"a" * 200_000):
        body = b"&".join(name.encode() + b"=" + value for name, value in {**good, field: odd}.items())
        answer = client.post("/cart/items", data=body, content_type="application/x-www-form-urlencoded")
        assert 400 <= answer.status_code < 500
        assert readable(answer)
    assert count(stores) == 0


def test_skus_with_slashes_spaces_and_letters_of_all_kinds_can_be_changed(
    client: FlaskClient, stores: Stores
) -> None:
    for sku in ("A/B 1", "größe-ß", "茶/緑", "a?b#c", "100%", "a&b=c"):
        product(stores, sku)
        assert add(client, sku).status_code == 303
        assert client.post(f"/cart/items/{quote(sku)}", data={"quantity": "4"}).status_code == 303
        page = client.get("/cart").text
        assert f'action="/cart/items/{quote(sku)}' in page or "/cart/items/" in page
    assert count(stores) == 24


def test_a_changed_price_and_a_shortage_are_shown_on_their_line(client: FlaskClient, stores: Stores) -> None:
    sku = product(stores, price=1000, quantity=3)
    add(client, sku, "5")
    with stores.transaction():
        stores.db.session.execute(text("UPDATE products SET price_cents = 1100"))
    page = client.get("/cart").text
    assert "The price was $10.00" in page
    assert "Only 3 left" in page
    assert "Go to checkout" not in page


def test_an_unpaid_order_leads_the_cart(client: FlaskClient, stores: Stores) -> None:
    ordered(client, product(stores))
    page = client.get("/cart").text
    assert "You have an unpaid order" in page


def test_what_one_browser_puts_in_no_other_sees(app: Flask, client: FlaskClient, stores: Stores) -> None:
    add(client, product(stores, name="Secret jug"))
    assert "Secret jug" not in new_browser(app).get("/cart").text


def test_user_ids_and_prices_in_the_form_are_ignored(client: FlaskClient, stores: Stores) -> None:
    sku = product(stores, price=5000)
    client.post(
        "/cart/items",
        data={"sku": sku, "quantity": "1", "price_cents": "1", "price": "1", "user_id": "0", "cart_id": "0"},
    )
    assert "$50.00" in client.get("/cart").text


def test_a_cart_takes_two_statements_beside_the_look_at_the_shopper_and_without_a_cookie_none(
    client: FlaskClient, stores: Stores, statements: list[str]
) -> None:
    for _ in range(3):
        add(client, product(stores))
    client.get("/cart")
    statements.clear()
    assert client.get("/cart").status_code == 200
    assert len(statements) <= 3
