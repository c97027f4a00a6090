"""Counts that triggers keep are what counting the catalogue would give."""

from __future__ import annotations

import random
import threading

import pytest
from sqlalchemy import text

from storefront.domain.catalog import ListQuery
from storefront.domain.errors import NotFound
from storefront.process import Process
from storefront.repositories.aurora import category_counts
from storefront.services import catalog_counts
from storefront.stores import Stores
from tests.support.database import count, sql, statements_of
from tests.support.factories import order, product

TRUTH = """
    SELECT p.category, count(*), count(*) FILTER (WHERE s.quantity > s.reserved)
      FROM products p LEFT JOIN stock s USING (sku) WHERE p.listed
     GROUP BY p.category ORDER BY count(*) DESC, p.category
"""


def counts(stores: Stores) -> list[tuple[object, ...]]:
    return [(c.name, c.products, c.in_stock) for c in stores.products.categories()]


def test_counts_follow_every_change(stores: Stores) -> None:
    drawn = random.Random(7)
    for number in range(12):
        product(stores, f"p{number}", category=drawn.choice("ABC"), quantity=drawn.randrange(3))
        assert counts(stores) == sql(stores, TRUTH)
    changes = (
        "UPDATE stock SET quantity = quantity + 1, received = received + 1 WHERE sku = :sku",
        "UPDATE stock SET reserved = quantity WHERE sku = :sku",
        "UPDATE stock SET reserved = 0 WHERE sku = :sku",
        "UPDATE products SET listed = NOT listed WHERE sku = :sku",
        "UPDATE products SET category = 'B' WHERE sku = :sku",
        "UPDATE products SET listed = true, category = 'A' WHERE sku = :sku",
        "UPDATE products SET price_cents = price_cents + 1 WHERE sku = :sku",
    )
    for _ in range(60):
        sql(stores, drawn.choice(changes), sku=f"p{drawn.randrange(12)}")
        assert counts(stores) == sql(stores, TRUTH)
    assert counts(stores)


def test_a_hold_on_the_last_unit_takes_it_out_of_the_count(stores: Stores) -> None:
    product(stores, "last", quantity=1, category="C")
    assert counts(stores) == [("C", 1, 1)]
    order(stores, "last")
    assert counts(stores) == [("C", 1, 0)]
    assert stores.products.listing(ListQuery(in_stock=True)).total == 0


def test_a_sale_that_leaves_some_in_stock_writes_no_count(stores: Stores) -> None:
    product(stores, "many", quantity=9)
    rows = count(stores, "category_counts")
    order(stores, "many")
    assert count(stores, "category_counts") == rows


def test_what_is_rolled_back_is_not_counted(stores: Stores) -> None:
    product(stores, "pot")
    before = counts(stores)
    with pytest.raises(NotFound), stores.transaction():
        assert [stores.products.unlist(sku) for sku in ("pot", "none")]
    assert counts(stores) == before


def test_many_changes_are_folded_into_one_row_each(stores: Stores) -> None:
    for category in "AB":
        product(stores, category, category=category)
    for _ in range(10):
        with stores.transaction():
            stores.products.unlist("A")
        with stores.transaction():
            stores.products.relist("A")
    before = counts(stores)
    assert catalog_counts.fold(stores) == 0, "so few are not worth it"
    with stores.transaction():
        assert category_counts.fold(stores.db, most=5)
    assert (count(stores, "category_counts"), counts(stores)) == (2, before)


def test_counts_stand_while_workers_fold_and_an_import_recounts(stores: Stores, process: Process) -> None:
    """Each thread on stores of its own, against changes that go on meanwhile."""
    for number in range(4):
        product(stores, f"p{number}", category="AB"[number % 2])
    failures: list[BaseException] = []

    def again(work: str, seed: int) -> None:
        own = process.stores()
        drawn = random.Random(seed)
        try:
            for _ in range(25):
                with own.transaction():
                    if work == "fold":
                        category_counts.fold(own.db, most=0)
                    elif work == "recount":
                        own.products.recount()
                    else:
                        sku = f"p{drawn.randrange(4)}"
                        change = drawn.choice(("reserved = quantity", "reserved = 0"))
                        own.db.session.execute(
                            text(f"UPDATE stock SET {change} WHERE sku = :sku"), {"sku": sku}
                        )
        except BaseException as error:
            failures.append(error)

    works = ("fold", "recount", "change", "change")
    threads = [threading.Thread(target=again, args=(work, n)) for n, work in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert counts(stores) == sql(stores, TRUTH)


def test_reading_the_counts_touches_no_product(stores: Stores) -> None:
    product(stores, "pot")
    with statements_of(stores.db._engines.reader) as sent:
        stores.products.categories()
    plan = "\n".join(str(row[0]) for row in sql(stores, f"EXPLAIN {sent[0]}"))
    assert "category_counts" in plan
    assert "products_" not in plan
    assert "Scan on products" not in plan
    assert "Scan on stock" not in plan
