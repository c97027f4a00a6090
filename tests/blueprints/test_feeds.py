"""What programs read of the catalogue."""

from __future__ import annotations

from datetime import datetime
from xml.etree import ElementTree

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from storefront.blueprints.feeds import merchants
from storefront.config import Settings
from storefront.domain.text import printable, shortened
from storefront.repositories.aurora import feed
from storefront.server.rsgi import STREAM
from storefront.stores import Stores
from tests.support.factories import order, product

G = "{http://base.google.com/ns/1.0}"
NEEDED = ("id", "image_link", "price", "availability", "condition", "brand")


def items(client: FlaskClient) -> list[ElementTree.Element]:
    answer = client.get("/feeds/products.xml")
    assert answer.status_code == 200
    assert answer.mimetype == "application/xml"
    return ElementTree.fromstring(answer.data).findall("channel/item")


def told(item: ElementTree.Element, name: str) -> str:
    return item.findtext(f"{G}{name}", "") or item.findtext(name, "")


def set_all(stores: Stores, sku: str, **values: str) -> None:
    with stores.transaction():
        for name, value in values.items():
            stores.db.session.execute(
                text(f"UPDATE products SET {name} = :value WHERE sku = :sku"), {"value": value, "sku": sku}
            )


def test_every_product_has_all_that_merchants_ask_for(
    client: FlaskClient, stores: Stores, settings: Settings
) -> None:
    product(stores, "mug", name="Mug", price=2405, category="Table & co")
    product(stores, "out", quantity=0)
    mug, out = items(client)
    for item in (mug, out):
        assert all(told(item, name) for name in (*NEEDED, "title", "description", "link"))
    assert (told(mug, "id"), told(mug, "title")) == ("mug", "Mug")
    assert told(mug, "price") == f"24.05 {settings.currency}"
    assert told(mug, "link") == f"{settings.base_url}/products/mug"
    assert told(mug, "product_type") == "Table & co"
    assert (told(mug, "availability"), told(out, "availability")) == ("in_stock", "out_of_stock")


def test_what_is_held_for_somebody_is_out_of_stock(client: FlaskClient, stores: Stores) -> None:
    product(stores, "last", quantity=1)
    order(stores, "last")
    [last] = items(client)
    assert told(last, "availability") == "out_of_stock"


def test_a_picture_can_be_fetched_by_whoever_shows_no_svg(
    client: FlaskClient, stores: Stores, settings: Settings
) -> None:
    for sku, address in (("none", ""), ("svg", "/static/catalog/glass-carafe.svg")):
        product(stores, sku)
        set_all(stores, sku, image_url=address)
    for item in items(client):
        address = told(item, "image_link")
        assert address.startswith(f"{settings.base_url}/pictures/drawn-")
        picture = client.get(address.removeprefix(settings.base_url))
        assert picture.mimetype == "image/png"


def test_a_picture_made_of_a_photograph_is_the_one(
    client: FlaskClient, stores: Stores, settings: Settings
) -> None:
    product(stores, "mug")
    set_all(stores, "mug", picture="0123456789abcdef0123-1000x800")
    [item] = items(client)
    assert told(item, "image_link") == f"{settings.base_url}/media/0123456789abcdef0123-800.webp"


def test_text_of_any_kind_leaves_the_feed_readable(client: FlaskClient, stores: Stores) -> None:
    name, words = "A <b> & ]]> \"q\" 'a' \U0001fad6", "One\x01\x0b\x1f\x7f\ufffe two\n\n<script>"
    product(stores, "a b/é & <c>", name=name)
    set_all(stores, "a b/é & <c>", description=words)
    [item] = items(client)
    assert told(item, "title") == name
    assert told(item, "description") == "One two\n\n<script>"
    path = told(item, "link").partition("/products/")[2]
    assert client.get(f"/products/{path}").status_code == 200


def test_what_is_too_long_is_cut(client: FlaskClient, stores: Stores) -> None:
    one, other = "x" * 60 + "1", "x" * 60 + "2"
    for sku in (one, other):
        product(stores, sku, name="word " * 100)
    first, second = items(client)
    assert len(told(first, "id")) <= merchants.ID_MAX
    assert told(first, "id") != told(second, "id")
    assert len(told(first, "title")) <= merchants.TITLE_MAX
    assert told(first, "title").endswith("word…")


def test_the_feed_is_made_a_batch_at_a_time(client: FlaskClient, stores: Stores) -> None:
    with stores.transaction():
        stores.db.session.execute(
            text(
                "INSERT INTO products (sku, name, price_cents)"
                " SELECT 's' || n, 'x', 1 FROM generate_series(1, :n) n"
            ),
            {"n": feed.BATCH + 1},
        )
    answer = client.get("/feeds/products.xml")
    assert answer.headers[STREAM] == "1"
    pieces = list(answer.iter_encoded())
    assert len(pieces) == 4, "a head, two batches, an end"
    assert max(map(len, pieces)) < 1_000_000
    assert ElementTree.fromstring(b"".join(pieces)).find("channel/item") is not None


def test_an_empty_shop_has_a_feed_too(client: FlaskClient, stores: Stores) -> None:
    assert stores.products.sitemap_starts(1) == [""]
    assert items(client) == []


@pytest.mark.parametrize("sku", ["mug", "a b/é & <c>", "x.json"])
def test_one_product_is_told_as_json(
    client: FlaskClient, stores: Stores, settings: Settings, sku: str
) -> None:
    product(stores, sku, name="Mug", price=2405)
    address = f"/feeds/products/{sku}.json"
    answer = client.get(address)
    assert answer.status_code == 200
    found = answer.get_json()
    assert (found["sku"], found["price_cents"], found["currency"]) == (sku, 2405, settings.currency)
    assert found["availability"] == "in_stock"
    assert client.get(found["url"].removeprefix(settings.base_url)).status_code == 200
    assert client.get(found["image"].removeprefix(settings.base_url)).mimetype == "image/png"
    datetime.fromisoformat(found["updated_at"])
    assert "s-maxage" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("sku", ["gone", "never", "..%2fx"])
def test_what_is_not_for_sale_is_not_told(client: FlaskClient, stores: Stores, sku: str) -> None:
    product(stores, "gone")
    with stores.transaction():
        stores.products.unlist("gone")
    assert client.get(f"/feeds/products/{sku}.json").status_code == 404


def test_a_text_for_programs_leads_to_all_that(
    client: FlaskClient, stores: Stores, settings: Settings
) -> None:
    product(stores, "SKU")
    answer = client.get("/llms.txt")
    assert answer.mimetype == "text/plain"
    assert answer.text.startswith(f"# {settings.shop_name}\n")
    assert "held for 15 minutes" in answer.text or "for 15 minutes" in answer.text
    addresses = [part.partition(")")[0] for part in answer.text.split("](")[1:]]
    assert len(addresses) > 5
    for address in addresses:
        assert client.get(address.removeprefix(settings.base_url)).status_code == 200, address


def test_what_xml_cannot_say_is_left_out() -> None:
    assert printable("a\x00\x1b\ud800\uffff\x85b\tc\nd") == "ab\tc\nd"
    assert printable("é 中 \U0001fad6") == "é 中 \U0001fad6"
    assert shortened("one two three", 9) == "one two…"
    assert shortened("x" * 9, 9) == "x" * 9
    assert shortened("x" * 10, 9) == "x" * 8 + "…"
