"""Checkout: one page, one form, one order."""

from __future__ import annotations

import re
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from storefront.stores import Stores
from tests.support.client import add, checkout, fields, new_browser, ordered, readable
from tests.support.database import sql
from tests.support.factories import FORM, product
from tests.support.stripe_control import sessions_of, unavailable


def orders(stores: Stores) -> list[UUID]:
    return [row.order_id for row in stores.orders.newest(100)]


def test_an_order_is_placed_and_the_browser_goes_straight_to_stripe(
    client: FlaskClient, stores: Stores, stripe: str
) -> None:
    add(client, product(stores), "2")
    answer = checkout(client)
    assert answer.status_code == 303
    assert answer.location.startswith(f"{stripe}/c/pay/cs_")
    (order_id,) = orders(stores)
    assert stores.orders.summary(order_id).email == FORM["email"]
    assert client.get_cookie("cart_count").value == "0"  # type: ignore[union-attr]


def test_stripes_address_is_in_the_pages_form_action(
    stripe: str, client: FlaskClient, stores: Stores
) -> None:
    """Chromium holds form-action against every hop of the redirected post."""
    add(client, product(stores))
    policy = client.get("/checkout").headers["Content-Security-Policy"]
    assert re.search(rf"form-action 'self' {re.escape(stripe)}(;|$)", policy)


def test_stripe_away_leads_to_the_order_which_offers_to_pay(
    client: FlaskClient, stores: Stores, stripe: str
) -> None:
    add(client, product(stores))
    with unavailable(stripe):
        answer = checkout(client)
    (order_id,) = orders(stores)
    assert (answer.status_code, answer.location) == (303, f"/orders/{order_id}")
    page = client.get(answer.location)
    assert f'action="/orders/{order_id}/payment"' in page.text


def test_a_free_order_leads_to_its_page(client: FlaskClient, stores: Stores) -> None:
    add(client, product(stores, price=0))
    answer = checkout(client)
    assert answer.location == f"/orders/{orders(stores)[0]}"
    assert 'data-status="paid"' in client.get(answer.location).text


def test_15_the_same_form_again_leads_to_the_same_payment(
    client: FlaskClient, stores: Stores, stripe: str
) -> None:
    add(client, product(stores))
    form = {**FORM, **fields(client.get("/checkout"), "/checkout")}
    first, second = (client.post("/checkout", data=form) for _ in range(2))
    assert first.location == second.location
    assert len(orders(stores)) == 1
    assert len(sessions_of(stripe, orders(stores)[0])) == 1


def test_without_a_cart_checkout_leads_to_it(client: FlaskClient, stores: Stores) -> None:
    assert client.get("/checkout").location == "/cart"
    answer = client.post("/checkout", data={**FORM, "cart_id": str(uuid4()), "seen": ""})
    assert answer.status_code == 404
    assert readable(answer)


@pytest.mark.parametrize(
    "cart_id", ["", "x", "\x00", "0", "{", "00000000-0000-4000-8000-000000000000", "é" * 36]
)
def test_a_cart_that_is_not_yours_is_not_found(client: FlaskClient, stores: Stores, cart_id: str) -> None:
    add(client, product(stores))
    answer = checkout(client, cart_id=cart_id)
    assert answer.status_code == 404
    assert readable(answer)
    assert orders(stores) == []


def test_somebody_elses_cart_is_not_found(app: Flask, client: FlaskClient, stores: Stores) -> None:
    sku = product(stores)
    add(client, sku)
    theirs = fields(client.get("/checkout"), "/checkout")
    thief = new_browser(app)
    add(thief, sku)
    assert checkout(thief, cart_id=theirs["cart_id"], seen=theirs["seen"]).status_code == 404
    assert orders(stores) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("UPDATE products SET price_cents = 1300", "the price was $12.00, now $13.00"),
        ("UPDATE products SET listed = false", "it is no longer sold"),
        ("UPDATE stock SET quantity = 1, received = 1", "only 1 is left"),
        ("UPDATE stock SET quantity = 0, received = 0", "none is free right now"),
    ],
)
def test_17_what_changed_is_shown_and_nothing_is_placed(
    client: FlaskClient, stores: Stores, change: str, words: str
) -> None:
    add(client, product(stores, price=1200), "2")
    form = {**FORM, **fields(client.get("/checkout"), "/checkout"), "name": "Grace <Hopper>"}
    sql(stores, change)
    answer = client.post("/checkout", data=form)
    assert answer.status_code == 409
    assert words in re.sub(r"\s+", " ", answer.text)
    assert "Grace &lt;Hopper&gt;" in answer.text, "entries stay"
    assert orders(stores) == []


def test_17_confirming_the_changed_price_places_the_order_at_it(
    client: FlaskClient, stores: Stores, stripe: str
) -> None:
    add(client, product(stores, price=1200))
    form = {**FORM, **fields(client.get("/checkout"), "/checkout")}
    sql(stores, "UPDATE products SET price_cents = 1300")
    again = client.post("/checkout", data=form)
    assert client.post("/checkout", data={**FORM, **fields(again, "/checkout")}).status_code == 303
    assert stores.orders.summary(orders(stores)[0]).total_cents == 1300


def test_16_a_quantity_changed_in_another_tab_is_said_in_words(client: FlaskClient, stores: Stores) -> None:
    sku = product(stores)
    add(client, sku)
    form = {**FORM, **fields(client.get("/checkout"), "/checkout")}
    client.post(f"/cart/items/{sku}", data={"quantity": "2"})
    answer = client.post("/checkout", data=form)
    assert answer.status_code == 409
    assert "Nothing has been ordered yet" in answer.text
    assert orders(stores) == []


def test_too_many_unpaid_orders_are_said_in_words(client: FlaskClient, stores: Stores) -> None:
    sku = product(stores, quantity=50)
    for _ in range(3):
        ordered(client, sku)
    add(client, sku)
    answer = checkout(client)
    assert answer.status_code == 429
    assert "3 unpaid orders" in answer.text


@pytest.mark.parametrize(("price", "words"), [(10, "too small"), (60_000_000, "too large")])
def test_a_total_that_cannot_be_charged_is_said_in_words(
    client: FlaskClient, stores: Stores, price: int, words: str
) -> None:
    add(client, product(stores, price=price), "2")
    answer = checkout(client)
    assert answer.status_code == 422
    assert words in answer.text
    assert orders(stores) == []


TEXTS = ["email", "name", "line1", "line2", "city", "region", "zip", "phone", "country"]


@pytest.mark.parametrize("field", ["email", "name", "line1", "city", "zip", "country"])
def test_a_field_that_is_needed_and_missing_is_named(client: FlaskClient, stores: Stores, field: str) -> None:
    add(client, product(stores))
    answer = checkout(client, **{field: " "})
    assert answer.status_code == 422
    assert "There is a problem" in answer.text
    assert f'href="#{field}"' in answer.text
    assert re.search(rf'id="{field}"[^>]*aria-invalid="true"', answer.text)
    for name, value in FORM.items():
        if name not in (field, "country"):
            assert f'value="{value}"' in answer.text, "entries stay"
    assert orders(stores) == []


@pytest.mark.parametrize("field", TEXTS)
def test_text_that_cannot_be_is_refused_in_every_field(
    client: FlaskClient, stores: Stores, field: str
) -> None:
    add(client, product(stores))
    for value in ("a\x00b", "a\rb\nc", "x" * 5000, "a\u2028b", "\ufffd"):
        answer = checkout(client, **{field: value})
        assert answer.status_code == 422, repr(value)
        assert readable(answer)
    assert orders(stores) == []


@pytest.mark.parametrize("field", [*TEXTS, "seen", "cart_id", "csrf_token", "address_id", "payment_token"])
def test_lone_surrogates_and_odd_bytes_in_any_field_are_no_500(
    client: FlaskClient, stores: Stores, stripe: str, field: str
) -> None:
    add(client, product(stores))
    form = {**FORM, **fields(client.get("/checkout"), "/checkout")}
    form.pop(field, None)
    for odd in ("%ED%A0%80", "%00", "%FF%FE"):
        body = f"{urlencode(form)}&{field}={odd}"
        answer = client.post("/checkout", data=body, content_type="application/x-www-form-urlencoded")
        assert answer.status_code in (303, 400, 404, 409, 422)
        if answer.status_code != 303:
            assert readable(answer)
    # Bytes that are no UTF-8 are read as the text they were escaped with, which is harmless.
    for order_id in orders(stores):
        kept = stores.orders.summary(order_id)
        assert all(str(value).isprintable() for value in (kept.email, *vars(kept.address).values()))


@pytest.mark.parametrize("email", ["x", "@", "a@b", "a b@example.com", "a@example.com\nBcc: b@example.com"])
def test_what_is_no_address_for_mail_is_refused(client: FlaskClient, stores: Stores, email: str) -> None:
    add(client, product(stores))
    assert checkout(client, email=email).status_code == 422
    assert orders(stores) == []


def test_prices_totals_and_states_in_the_form_are_ignored(
    client: FlaskClient, stores: Stores, stripe: str
) -> None:
    add(client, product(stores, price=1200))
    checkout(client, total_cents="1", price="1", status="paid", user_id=str(uuid4()), order_id=str(uuid4()))
    order = stores.orders.summary(orders(stores)[0])
    assert (order.total_cents, order.status) == (1200, "pending")


def test_a_million_lines_are_too_large(client: FlaskClient, stores: Stores) -> None:
    answer = client.post(
        "/checkout", data=b"a=b\n" * 1_000_000, content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code == 413
    assert readable(answer)


def test_markup_in_every_field_is_shown_as_text(client: FlaskClient, stores: Stores) -> None:
    add(client, product(stores, name="<script>alert(1)</script>"))
    evil = '"><script>alert(2)</script>'
    answer = checkout(
        client, **dict.fromkeys(("name", "line1", "line2", "city", "region", "zip", "phone"), evil)
    )
    assert answer.status_code == 422
    assert "<script>alert" not in answer.text


def test_order_totals_of_a_full_checkout_are_what_the_button_says(
    client: FlaskClient, stores: Stores
) -> None:
    add(client, product(stores, price=4210))
    assert "Place order: $42.10" in client.get("/checkout").text
