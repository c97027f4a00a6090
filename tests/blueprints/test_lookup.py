"""Guests find their order by its number and their e-mail."""

from __future__ import annotations

from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from storefront.stores import Stores
from tests.support.client import new_browser, readable
from tests.support.factories import order


@pytest.fixture
def order_id(stores: Stores) -> UUID:
    return order(stores)


def find(client: FlaskClient, number: str, email: str):
    return client.post("/track", data={"number": number, "email": email})


def test_number_and_address_together_lead_to_the_order(
    client: FlaskClient, stores: Stores, order_id: UUID
) -> None:
    number = stores.orders.summary(order_id).number
    answer = find(client, number, "ada@example.com")
    assert (answer.status_code, answer.location) == (303, f"/orders/{order_id}")
    assert client.get(answer.location).status_code == 200


def test_case_spaces_hyphens_and_look_alikes_do_not_matter(
    app: Flask, stores: Stores, order_id: UUID
) -> None:
    number = stores.orders.summary(order_id).number
    for spelt in (
        number.lower(),
        number.replace("-", ""),
        f" {number[:2]} {number[2:]} ",
        number.replace("0", "O").replace("1", "l"),
    ):
        assert find(new_browser(app), spelt, " ADA@Example.COM ").status_code == 303


def test_a_wrong_number_and_a_wrong_address_are_answered_alike(
    client: FlaskClient, stores: Stores, order_id: UUID
) -> None:
    number = stores.orders.summary(order_id).number
    wrong = "0000-0000" if number != "0000-0000" else "1111-1111"
    answers = [find(client, wrong, "eve@example.com"), find(client, number, "eve@example.com")]
    assert [answer.status_code for answer in answers] == [404, 404]
    first, second = (answer.text.replace(wrong, "N").replace(number, "N") for answer in answers)
    assert first == second
    assert "No order has this number" in first
    assert readable(answers[0])
    assert client.get(f"/orders/{order_id}").status_code == 404


@pytest.mark.parametrize(
    ("number", "email"),
    [
        ("", ""),
        ("", "a@b.example"),
        ("7K3M-Q9TX", ""),
        ("a\x00b", "x"),
        ("x" * 500, "y"),
        ("7K3M-Q9TX", "a\x00"),
    ],
)
def test_what_cannot_be_is_a_422_that_keeps_the_entries(client: FlaskClient, number: str, email: str) -> None:
    answer = find(client, number, email)
    assert answer.status_code == 422
    assert readable(answer)
    assert "There is a problem" in answer.text
    if email == "a@b.example":
        assert 'value="a@b.example"' in answer.text


@pytest.mark.parametrize("number", ["'; DROP TABLE orders; --", "%", "________", "ÄÖÜ", "-" * 30])
def test_what_is_no_number_finds_nothing(client: FlaskClient, order_id: UUID, number: str) -> None:
    assert find(client, number, "ada@example.com").status_code == 404


def test_like_wildcards_in_the_address_find_nothing(
    client: FlaskClient, stores: Stores, order_id: UUID
) -> None:
    assert find(client, stores.orders.summary(order_id).number, "%").status_code == 404


def test_the_form_is_a_page(client: FlaskClient) -> None:
    page = client.get("/track")
    assert page.status_code == 200
    assert readable(page)
    assert "no-store" in page.headers["Cache-Control"]
