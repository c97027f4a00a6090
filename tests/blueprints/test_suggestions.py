"""What the search field offers, as a part and as a page."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from storefront.domain.catalog import SEARCH_MAX
from storefront.domain.ids import NO_SKU, sku_problem
from storefront.repositories.aurora import search
from storefront.stores import Stores
from storefront.web.page_cache import CACHE_CONTROL
from tests.support.client import readable
from tests.support.factories import product

PART = {"HX-Request": "true"}


@pytest.fixture
def shelf(stores: Stores) -> Stores:
    product(stores, "mug", name="Stoneware <mug> & saucer", category="Table & co", price=2400)
    product(stores, "pot", name="Stoneware teapot", category="Kitchen", quantity=0)
    with stores.transaction():
        search.rebuild_words(stores.db)
    return stores


def test_the_part_holds_products_with_price_and_a_way_to_all(client: FlaskClient, shelf: Stores) -> None:
    part = client.get("/products/suggestions?q=stonew", headers=PART)
    assert part.status_code == 200
    assert part.text.strip().startswith('<div id="suggestions"')
    assert "<html" not in part.text
    assert 'href="/products/mug"' in part.text
    assert "Stoneware &lt;mug&gt; &amp; saucer" in part.text
    assert "$24.00" in part.text
    assert part.text.count("Sold out") == 1
    assert 'href="/products?q=stonew"' in part.text
    assert 'href="/products?q=stonew&amp;category=Kitchen"' in part.text


def test_without_htmx_it_is_a_whole_page(client: FlaskClient, shelf: Stores) -> None:
    page = client.get("/products/suggestions?q=stonew")
    assert readable(page)
    assert '<div id="suggestions"' in page.text
    assert 'value="stonew"' in page.text
    assert '<meta name="robots" content="noindex">' in page.text


def test_it_is_the_same_for_everybody_and_kept_by_its_words(client: FlaskClient, shelf: Stores) -> None:
    first = client.get("/products/suggestions?q=mug")
    client.post("/cart/items", data={"sku": "mug", "quantity": "1"})
    again = client.get("/products/suggestions?q=mug&sort=price")
    assert again.data == first.data
    assert again.headers["Cache-Control"] == CACHE_CONTROL
    assert "Set-Cookie" not in again.headers
    assert client.get("/products/suggestions?q=pot").data != first.data


@pytest.mark.parametrize("words", ["", "%20", "zzzz", "%3Cscript%3E", "'%20or%201=1", "%F0%9F%AB%96"])
def test_what_finds_nothing_says_so(client: FlaskClient, shelf: Stores, words: str) -> None:
    page = client.get(f"/products/suggestions?q={words}")
    assert readable(page)
    assert "<script>" not in page.text
    assert "offers-none" in page.text


@pytest.mark.parametrize("words", ["x" * (SEARCH_MAX + 1), "%00"])
def test_what_no_field_sends_is_refused(client: FlaskClient, words: str) -> None:
    assert client.get(f"/products/suggestions?q={words}", headers=PART).status_code == 422


def test_a_mended_word_is_offered(client: FlaskClient, shelf: Stores) -> None:
    part = client.get("/products/suggestions?q=stonewear", headers=PART).text
    assert 'href="/products?q=stoneware"' in part
    assert "Did you mean <strong>stoneware</strong>?" in part
    assert "See everything for “stoneware”" in part
    assert 'href="/products?q=stoneware&amp;category=Kitchen"' in part


def test_no_product_can_have_its_address() -> None:
    assert sku_problem(NO_SKU)
    assert sku_problem(NO_SKU.upper()) is None, "SKUs tell cases apart, and so do addresses"
