"""The whole catalogue, a batch at a time."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import text

from storefront.domain.errors import NotFound
from storefront.repositories.aurora import feed
from storefront.stores import Stores
from tests.support.database import statements_of
from tests.support.factories import order, product


def changed_at(stores: Stores, sku: str) -> datetime:
    return stores.products.in_feeds(sku).changed_at


def many(stores: Stores, count: int) -> list[str]:
    with stores.transaction():
        stores.db.session.execute(
            text("""
                INSERT INTO products (sku, name, price_cents)
                SELECT 'p' || to_char(n, 'FM00000'), 'x', 1 FROM generate_series(1, :n) n
            """),
            {"n": count},
        )
    return [f"p{number:05}" for number in range(1, count + 1)]


def test_every_listed_product_comes_once_in_batches(stores: Stores) -> None:
    names = many(stores, 2 * feed.BATCH + 1)
    with statements_of(stores.db._engines.writer) as sent:
        batches = list(stores.products.feed())
    assert [len(batch) for batch in batches] == [feed.BATCH, feed.BATCH, 1]
    assert [product.sku for batch in batches for product in batch] == names
    assert len(sent) == 4


def test_parts_of_the_sitemap_hold_every_product_once(stores: Stores) -> None:
    names = many(stores, 10)
    for size, expected in ((4, ["", names[3], names[7]]), (10, [""]), (5, ["", names[4]]), (99, [""])):
        starts = stores.products.sitemap_starts(size)
        assert starts == expected
        ends = [*starts[1:], None]
        found = [
            product.sku
            for after, until in zip(starts, ends, strict=True)
            for batch in stores.products.sitemap(after, until)
            for product in batch
        ]
        assert found == names


def test_what_comes_in_between_is_in_a_part_whose_start_was_kept(stores: Stores) -> None:
    many(stores, 4)
    first, second = stores.products.sitemap_starts(2)
    product(stores, "p00001b")
    found = [one.sku for batch in stores.products.sitemap(first, second) for one in batch]
    assert found == ["p00001", "p00001b", "p00002"]


def test_an_empty_shop_has_an_empty_feed(stores: Stores) -> None:
    assert list(stores.products.feed()) == []
    assert stores.products.sitemap_starts(10) == [""]


def test_availability_is_net_of_holds_and_unlisted_products_are_left_out(stores: Stores) -> None:
    product(stores, "last", quantity=1)
    product(stores, "gone")
    assert stores.products.in_feeds("last").available == 1
    order(stores, "last")
    with stores.transaction():
        stores.products.unlist("gone")
    [[told]] = list(stores.products.feed())
    assert (told.sku, told.available) == ("last", 0)
    for sku in ("gone", "never"):
        with pytest.raises(NotFound):
            stores.products.in_feeds(sku)


@pytest.mark.parametrize(
    "change",
    [
        "name = 'Other'",
        "description = 'Other'",
        "price_cents = 1",
        "category = 'Other'",
        "image_url = '/static/other.svg'",
        "picture = '0123456789abcdef0123-800x800'",
    ],
)
def test_a_change_of_the_page_moves_its_time(stores: Stores, change: str) -> None:
    product(stores, "mug")
    before = changed_at(stores, "mug")
    with stores.transaction():
        stores.db.session.execute(text(f"UPDATE products SET {change}"))
    after = changed_at(stores, "mug")
    assert after > before
    with stores.transaction():
        stores.db.session.execute(text(f"UPDATE products SET {change}"))
    assert changed_at(stores, "mug") == after, "nothing is new the second time"


def test_what_is_in_stock_moves_it_not_but_listing_again_does(stores: Stores) -> None:
    product(stores, "mug", quantity=3)
    before = changed_at(stores, "mug")
    order(stores, "mug")
    assert changed_at(stores, "mug") == before
    for change in (stores.products.unlist, stores.products.relist):
        with stores.transaction():
            change("mug")
    assert changed_at(stores, "mug") > before
