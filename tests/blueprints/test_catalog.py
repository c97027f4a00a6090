"""Home, list, product pages and what crawlers read."""

from __future__ import annotations

import json
import re
from html import unescape
from urllib.parse import quote
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from storefront.blueprints.seo import routes as seo
from storefront.config import Settings
from storefront.repositories.aurora import search
from storefront.stores import Stores
from storefront.web.page_cache import CACHE_CONTROL
from tests.support.factories import order, product

SITEMAPS = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
IMAGES = "{http://www.google.com/schemas/sitemap-image/1.1}"
PART = {"HX-Request": "true", "HX-Request-Type": "partial"}


def structured(page: str) -> dict[str, dict[str, object]]:
    found = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    return {data["@type"]: data for data in map(json.loads, found)}


def test_public_pages_are_the_same_bytes_for_everybody(client: FlaskClient, stores: Stores) -> None:
    product(stores, "pot")
    paths = ("/", "/products", "/products?q=product", "/products/pot")
    before = [client.get(path) for path in paths]
    client.post("/cart/items", data={"sku": "pot", "quantity": "2"})
    for path, first in zip(paths, before, strict=True):
        again = client.get(path)
        assert again.status_code == 200
        assert again.data == first.data
        assert "Set-Cookie" not in again.headers
        assert "Cookie" not in again.headers["Vary"]
        assert again.headers["Cache-Control"] == CACHE_CONTROL


def test_the_list_searches_filters_sorts_and_pages(client: FlaskClient, stores: Stores) -> None:
    for number in range(30):
        product(
            stores,
            f"p{number:02}",
            name=f"Plate {number:02}",
            price=100 * (30 - number),
            category="Table & Co",
        )
    product(stores, "lamp", name="Lamp", category="Light", quantity=0)

    def names(path: str) -> list[str]:
        return re.findall(r'class="card-name">([^<]*)<', client.get(path).text)

    assert len(names("/products")) == 24
    assert len(names("/products?page=2")) == 7
    assert names("/products?sort=price&category=Table+%26+Co")[0] == "Plate 29"
    assert names("/products?sort=-price")[0] == "Plate 00"
    assert names("/products?q=lam") == ["Lamp"]
    assert names("/products?q=lamp&in_stock=1") == []
    assert "Lamp" not in names("/products?in_stock=1&page=2")


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("page=1", 200),
        ("page=", 200),
        ("page=2", 404),
        ("page=0", 404),
        ("page=-1", 404),
        ("page=" + "9" * 21, 404),
        ("page=abc", 422),
        ("page=1_0", 422),
        ("page=%D9%A3", 422),
        ("page=%201", 422),
        ("page=1.5", 422),
        ("page=01", 404),
        ("sort=relevance", 200),
        ("sort=-price", 200),
        ("sort=up", 422),
        ("sort=PRICE", 422),
        ("in_stock=1", 200),
        ("in_stock=", 200),
        ("in_stock=yes", 422),
        ("category=Nowhere", 404),
        ("category=kitchen", 404),
        ("category=Kitchen", 200),
        ("category=a%00", 422),
        ("q=" + "x" * 200, 200),
        ("q=" + "x" * 201, 422),
        ("q=%00", 422),
        ("q=a%00b", 422),
        ("q=%ED%A0%80", 200),
        ("q=%FF%FE", 200),
        ("q=%F0%9F%98%80", 200),
        ("q=%27%20%26%20%7C%21%28%3A%2A", 200),
        ("q=pot&page=5", 404),
        ("q=" + "%E2%82%AC" * 200, 200),
        ("unknown=1", 200),
    ],
)
def test_odd_addresses_get_a_readable_answer(
    client: FlaskClient, stores: Stores, address: str, status: int
) -> None:
    product(stores, "pot", name="Pot")
    answer = client.get(f"/products?{address}")
    assert answer.status_code == status
    assert "<h1" in answer.text


def test_htmx_gets_the_results_alone(client: FlaskClient, stores: Stores) -> None:
    product(stores, "pot")
    whole, part = client.get("/products").text, client.get("/products", headers=PART).text
    assert "<html" in whole
    assert "<html" not in part
    assert 'id="results"' in part
    full = client.get("/products", headers={**PART, "HX-Request-Type": "full"}).text
    back = client.get("/products", headers={**PART, "HX-History-Restore-Request": "true"}).text
    assert whole == full == back


def test_a_mended_search_is_told(client: FlaskClient, stores: Stores) -> None:
    product(stores, "pot", name="Teapot")
    with stores.transaction():
        search.rebuild_words(stores.db)
    page = unescape(client.get("/products?q=taepot").text)
    assert "teapot" in page
    assert "taepot" in page
    assert "Teapot" in page


def test_a_product_page_carries_its_offer(client: FlaskClient, stores: Stores, settings: Settings) -> None:
    product(stores, "a b/é", name='Pot "</script><xyz>', price=4210, quantity=1, category="Tea & Co")
    page = client.get("/products/a%20b/%C3%A9").text
    assert "<xyz>" not in page
    data = structured(page)
    offer = data["Product"]["offers"]
    assert data["Product"]["sku"] == "a b/é"
    assert data["Product"]["name"] == 'Pot "</script><xyz>'
    assert isinstance(offer, dict)
    assert (offer["price"], offer["priceCurrency"]) == ("42.10", settings.currency)
    assert str(offer["availability"]).endswith("/InStock")
    assert offer["shippingDetails"]["shippingRate"] == {
        "@type": "MonetaryAmount",
        "value": "0.00",
        "currency": settings.currency,
    }
    assert offer["hasMerchantReturnPolicy"]["merchantReturnDays"] == 30
    assert "applicableCountry" not in offer["hasMerchantReturnPolicy"], "no home country is set"
    assert client.get("/feeds/products/a%20b/%C3%A9.json").status_code == 200
    assert '<link rel="alternate" type="application/json" href="/feeds/products/a%20b/%C3%A9.json">' in page
    assert '<meta property="product:price:amount" content="42.10">' in page
    assert [step["name"] for step in data["BreadcrumbList"]["itemListElement"]][1:] == [  # type: ignore[attr-defined]
        "Tea & Co",
        'Pot "</script><xyz>',
    ]
    assert f'<link rel="canonical" href="{settings.base_url}/products/a%20b/%C3%A9">' in page
    order(stores, "a b/é")
    sold = structured(client.get("/products/a%20b/%C3%A9").text)["Product"]["offers"]
    assert isinstance(sold, dict)
    assert str(sold["availability"]).endswith("/OutOfStock")


@pytest.mark.parametrize(
    "sku",
    ["POT", "pot/", "none", "pot%00", "%ED%A0%80", "pot%0A", "..", "a/../pot", "%20pot", "x" * 65, "%FF"],
)
def test_what_is_no_listed_product_is_not_found(client: FlaskClient, stores: Stores, sku: str) -> None:
    product(stores, "pot")
    answer = client.get(f"/products/{sku}")
    assert answer.status_code == 404
    assert "<h1" in answer.text


def test_an_unlisted_product_is_not_found(client: FlaskClient, stores: Stores) -> None:
    product(stores, "pot")
    assert client.get("/products/pot").status_code == 200
    with stores.transaction():
        stores.products.unlist("pot")
    assert client.get("/products/pot").status_code == 404


def test_search_is_kept_from_crawlers_and_facets_have_one_canonical(
    client: FlaskClient, stores: Stores, settings: Settings
) -> None:
    product(stores, "pot", name="Pot")
    assert 'name="robots" content="noindex"' in client.get("/products?q=pot").text
    page = client.get("/products?sort=price&in_stock=1&category=Kitchen").text
    assert "noindex" not in page
    assert f'<link rel="canonical" href="{settings.base_url}/products?category=Kitchen">' in page


def test_robots_keep_out_of_what_is_personal(client: FlaskClient, settings: Settings) -> None:
    answer = client.get("/robots.txt")
    assert answer.mimetype == "text/plain"
    assert "Disallow: /checkout\n" in answer.text
    assert "Disallow: /products" not in answer.text
    assert f"Sitemap: {settings.base_url}/sitemap.xml\n" in answer.text


def addresses(xml: bytes) -> list[str]:
    return [node.text or "" for node in ElementTree.fromstring(xml).iter(f"{SITEMAPS}loc")]


def test_the_sitemap_names_every_listed_product_at_its_canonical_address(
    client: FlaskClient, stores: Stores, settings: Settings
) -> None:
    for sku in ("plain", "a b/é & <c>", "100%?#'\"+;"):
        product(stores, sku)
    product(stores, "gone")
    with stores.transaction():
        stores.products.unlist("gone")
    answer = client.get("/sitemap.xml")
    assert answer.mimetype == "application/xml"
    found = addresses(answer.data)
    assert f"{settings.base_url}/products" in found
    products = [address for address in found if "/products/" in address]
    assert len(products) == 3
    for address in products:
        page = client.get(address.removeprefix(settings.base_url))
        assert page.status_code == 200
        assert f'<link rel="canonical" href="{address}">' in unescape(page.text)
    lastmod = [
        node.text or ""
        for node in ElementTree.fromstring(answer.data).iter()
        if node.tag.endswith("}lastmod")
    ]
    assert len(lastmod) == 3
    pictures = [node.text or "" for node in ElementTree.fromstring(answer.data).iter(f"{IMAGES}loc")]
    assert len(pictures) == 3
    assert client.get(pictures[0].removeprefix(settings.base_url)).mimetype == "image/png"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", lastmod[0])


def test_a_large_sitemap_is_an_index_of_parts(
    client: FlaskClient, stores: Stores, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seo, "SITEMAP_SIZE", 2)
    with stores.transaction():
        stores.db.session.execute(
            text(
                "INSERT INTO products (sku, name, price_cents) SELECT 's' || n, 'x', 1"
                " FROM generate_series(1, 5) n"
            )
        )
    parts = addresses(client.get("/sitemap.xml").data)
    assert parts == [f"{settings.base_url}/sitemap.xml?page={n}" for n in (1, 2, 3)]
    found = [a for part in parts for a in addresses(client.get(part.removeprefix(settings.base_url)).data)]
    assert found == [settings.base_url + quote(path) for path in seo.PAGES] + [
        f"{settings.base_url}/products/s{n}" for n in range(1, 6)
    ]
    for page in ("0", "4", "x", "1_0", "9" * 30):
        assert client.get(f"/sitemap.xml?page={page}").status_code == 404
