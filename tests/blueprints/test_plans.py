"""No statement that shoppers cause reads a table from end to end: what it costs would grow with the shop."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from storefront.stores import Stores
from tests.support.factories import product

FIXED = {"category_counts", "shop"}
"""Tables that don't grow with the catalogue or with orders: a few rows a category, and one."""
PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def read_whole(stores: Stores, statement: str) -> set[str]:
    """The growing tables that a statement reads from end to end, though the planner would rather not.

    Of the plan without values, which is what a connection that sends it often settles for.
    """
    names: dict[str, int] = {}
    numbered = PLACEHOLDER.sub(lambda found: f"${names.setdefault(found[1], len(names) + 1)}", statement)
    with stores.transaction():
        connection = stores.db.session.connection()
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        plan = connection.exec_driver_sql(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {numbered}").scalar_one()
    scans = [node for node in nodes(plan[0]["Plan"]) if node["Node Type"] == "Seq Scan"]
    return {scan["Relation Name"] for scan in scans} - FIXED


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan and all that is below it."""
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def scanned(stores: Stores, statements: list[str]) -> dict[str, set[str]]:
    """What each of these statements reads whole, if anything."""
    plannable = {one for one in statements if re.match(r"\s*(WITH|SELECT|INSERT|UPDATE|DELETE)\b", one)}
    assert plannable
    return {one: found for one in plannable if (found := read_whole(stores, one))}


@pytest.fixture
def shop(stores: Stores) -> Stores:
    """So large that an index is worth it; one product to be had among many."""
    with stores.transaction():
        for statement in (
            "INSERT INTO products (sku, name, price_cents, category)"
            " SELECT 's' || n, 'thing ' || n, n, 'C' || n % 9 FROM generate_series(1, 5000) n",
            "INSERT INTO stock (sku, quantity, received) SELECT sku, 1, 1 FROM products",
        ):
            stores.db.session.execute(text(statement))
        stores.products.recount()
    product(stores, "kettle", name="Enamel kettle", category="C1", quantity=9)
    stores.db.maintain(text("ANALYZE"))
    return stores


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/products",
        *(
            f"/products?sort={sort}&page=100{more}"
            for sort in ("price", "-price")
            for more in ("", "&in_stock=1")
        ),
        "/products?page=208",
        "/products?category=C1&page=2",
        "/products/kettle",
        *(f"/products?q=thing&sort={sort}" for sort in ("relevance", "newest", "price", "-price")),
        "/products?q=enamel+kettle&category=C1&in_stock=1",
        "/products?q=enamal+ketle",
        "/products/suggestions?q=enam",
        "/products/suggestions?q=en",
    ],
)
def test_a_public_page_reads_no_growing_table_whole(
    client: FlaskClient, shop: Stores, statements: list[str], path: str
) -> None:
    assert client.get(path).status_code == 200
    assert scanned(shop, list(statements)) == {}


def test_buying_reads_no_growing_table_whole(
    client: FlaskClient, shop: Stores, statements: list[str]
) -> None:
    assert client.post("/cart/items", data={"sku": "kettle", "quantity": "2"}).status_code == 303
    for path in ("/cart", "/checkout"):
        assert client.get(path).status_code == 200
    assert client.post("/cart/items/kettle", data={"quantity": "1"}).status_code == 303
    assert scanned(shop, list(statements)) == {}


def test_a_statement_that_reads_a_table_whole_is_found(shop: Stores) -> None:
    """The control."""
    assert read_whole(shop, "SELECT sku FROM products WHERE description = %(words)s") == {"products"}
    assert read_whole(shop, "SELECT count(*) FROM stock WHERE quantity %% 2 = %(odd)s") == {"stock"}
    assert read_whole(shop, "SELECT * FROM products WHERE sku = %(sku)s") == set()
