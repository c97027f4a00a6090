"""The promise on product page, cart and checkout, as it would be now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from storefront import create_app
from storefront.config import Settings
from storefront.stores import Stores
from tests.support.client import add, checkout, new_browser
from tests.support.factories import FORM, product

FILE = """
home = "US"
[working_days]
US = 1
DE = 40
"""


@pytest.fixture
def browser(app: Flask, tmp_path: Path) -> Iterator[FlaskClient]:
    """One of a shop that sends to two countries only."""
    path = tmp_path / "delivery.toml"
    path.write_text(FILE)
    settings: Settings = app.extensions["storefront"].settings
    app = create_app(
        settings.model_copy(update={"delivery_file": str(path)}).model_validate(
            {**settings.model_dump(), "delivery_file": str(path)}
        )
    )
    yield new_browser(app)
    app.extensions["storefront"].engines.dispose()


def words(text: str) -> str:
    return " ".join(text.split())


def test_product_page_and_cart_say_homes_day(browser: FlaskClient, stores: Stores) -> None:
    sku = product(stores)
    page = words(browser.get(f"/products/{sku}").text)
    assert "Order now, get it" in page
    assert "in United States" in page
    add(browser, sku)
    cart = words(browser.get("/cart").text)
    assert "Paid now, it arrives" in cart
    assert "in United States" in cart


def test_checkout_says_the_chosen_countrys_day(browser: FlaskClient, stores: Stores) -> None:
    add(browser, product(stores))
    assert "in United States" in words(browser.get("/checkout").text)
    htmx = {"HX-Request": "true"}
    home = words(browser.get("/checkout/promise?country=US", headers=htmx).text)
    far = words(browser.get("/checkout/promise?country=DE", headers=htmx).text)
    assert "in Germany" in far
    assert home.startswith('<p id="promise"')
    assert home.replace("United States", "") != far.replace("Germany", "")
    assert browser.get("/checkout/promise?country=DE").status_code == 303
    for odd in ("FR", "XX", "", "<b>", "D\u0000E"):
        told = browser.get("/checkout/promise", query_string={"country": odd}, headers=htmx)
        assert "in United States" in words(told.text)


def test_a_country_that_is_not_served_is_not_offered_and_refused(
    browser: FlaskClient, stores: Stores
) -> None:
    add(browser, product(stores))
    page = browser.get("/checkout").text
    assert 'value="DE"' in page
    assert 'value="FR"' not in page
    answer = checkout(browser, **{**FORM, "country": "FR", "region": "", "zip": "75001", "city": "Paris"})
    assert answer.status_code == 422
    assert "send to this country yet" in answer.text


def test_search_engines_are_told_where_delivery_is_free_once_there_is_a_home(
    browser: FlaskClient, stores: Stores
) -> None:
    product(stores, "mug")
    page = browser.get("/products/mug").text
    assert '"addressCountry": "US"' in page
    assert '"applicableCountry": "US"' in page
