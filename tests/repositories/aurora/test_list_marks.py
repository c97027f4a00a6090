"""Any page of a long list is what walking there would show, and no walk."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from storefront.domain.catalog import ListQuery, Sort
from storefront.repositories.aurora import list_marks
from storefront.repositories.aurora.list_marks import STEP
from storefront.repositories.aurora.products import PAGE_SIZE
from storefront.stores import Stores
from tests.support.database import count, sql, statements_of

TOTAL = 3 * STEP + 100


@pytest.fixture
def long_list(stores: Stores) -> Stores:
    """Few prices and times, so that most of the order is the SKUs'; every fifth is in no category."""
    with stores.transaction():
        for statement in (
            "INSERT INTO products (sku, name, price_cents, category, created_at)"
            " SELECT 's' || lpad((n * 7919 % 100000)::text, 6, '0'), 'thing', 100 * (n % 7),"
            " CASE WHEN n % 5 = 0 THEN '' ELSE 'C' END, now() - n % 3 * interval '1 day'"
            f" FROM generate_series(1, {TOTAL}) n",
            "INSERT INTO stock (sku, quantity, received) SELECT sku, 1, 1 FROM products",
        ):
            stores.db.session.execute(text(statement))
        stores.products.recount()
    return stores


ORDERS = {
    Sort.NEWEST: "created_at DESC, sku",
    Sort.PRICE: "price_cents, sku",
    Sort.PRICE_DOWN: "price_cents DESC, sku",
}


def differing(stores: Stores, sort: Sort, category: str = "") -> list[int]:
    """The pages that are not what the whole list in its order has there."""
    within = "AND category = :category" if category else "AND '' = :category"
    order = [
        sku
        for (sku,) in sql(
            stores,
            f"SELECT sku FROM products WHERE listed {within} ORDER BY {ORDERS[sort]}",
            category=category,
        )
    ]
    pages = [order[start : start + PAGE_SIZE] for start in range(0, len(order), PAGE_SIZE)]
    counts = stores.products.categories()
    return [
        page
        for page, expected in enumerate(pages, 1)
        if [
            card.sku
            for card in stores.products.listing(
                ListQuery(sort=sort, category=category, page=page), counts
            ).cards
        ]
        != expected
    ]


@pytest.mark.parametrize("category", ["", "C"])
@pytest.mark.parametrize("sort", list(ORDERS))
def test_every_page_is_what_walking_would_show(long_list: Stores, sort: Sort, category: str) -> None:
    assert differing(long_list, sort, category) == []


@pytest.mark.parametrize("sort", list(ORDERS))
def test_pages_stay_right_when_products_leave_and_come_back(long_list: Stores, sort: Sort) -> None:
    first = [card.sku for card in long_list.products.listing(ListQuery(sort=sort)).cards]
    marked = [sku for (sku,) in sql(long_list, "SELECT DISTINCT sku FROM list_marks WHERE n > 0")]
    gone = [*first[:3], *map(str, marked)]
    for sku in gone:
        with long_list.transaction():
            long_list.products.unlist(sku)
    assert differing(long_list, sort) == []
    for sku in gone:
        with long_list.transaction():
            long_list.products.relist(sku)
            assert not long_list.products.relist(sku)
    assert differing(long_list, sort) == []


def test_marks_that_miss_a_change_show(long_list: Stores) -> None:
    """The comparison of these tests would notice."""
    sku = long_list.products.listing(ListQuery()).cards[0].sku
    sql(long_list, "UPDATE products SET listed = false WHERE sku = :sku", sku=sku)
    assert differing(long_list, Sort.NEWEST)


@pytest.mark.parametrize("sort", list(ORDERS))
def test_a_page_in_the_middle_passes_no_more_than_one_stretch(long_list: Stores, sort: Sort) -> None:
    page = TOTAL // 2 // PAGE_SIZE
    counts = long_list.products.categories()
    with statements_of(long_list.db._engines.reader) as sent:
        assert len(long_list.products.listing(ListQuery(sort=sort, page=page), counts).cards) == PAGE_SIZE
    assert ["list_marks" in one for one in sent] == [True]
    asked = {"category": "", "size": PAGE_SIZE, "offset": (page - 1) * PAGE_SIZE}
    with long_list.transaction():
        connection = long_list.db.session.connection()
        # Of so small a table the planner would rather read all.
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        connection.execute(text("SET LOCAL enable_bitmapscan = off"))
        plan = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {sent[0]}", asked).scalar_one()
    passed = [
        node["Actual Rows"] * node["Actual Loops"]
        for node in nodes(plan[0]["Plan"])
        if "Scan" in node["Node Type"]
    ]
    assert PAGE_SIZE <= max(passed) <= STEP + 2 * PAGE_SIZE


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan and all that is below it."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def test_a_list_without_marks_is_walked(long_list: Stores) -> None:
    sql(long_list, "DELETE FROM list_marks")
    assert differing(long_list, Sort.PRICE) == []


def test_marking_again_changes_nothing(long_list: Stores) -> None:
    before = sql(long_list, "SELECT * FROM list_marks ORDER BY sort, category, n")
    with long_list.transaction():
        list_marks.rebuild(long_list.db)
    assert sql(long_list, "SELECT * FROM list_marks ORDER BY sort, category, n") == before
    assert count(long_list, "list_marks") == 3 * (4 + 3)
