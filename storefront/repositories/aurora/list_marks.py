"""Where the pages of long lists begin: every so many products of a list, its place and its key are kept.

Walking to a page in the middle of a list would pass half of it. From the mark before the page it passes at
most ``STEP`` products, however many there are. Marks are made anew with each import, in its transaction, and
move when a product leaves the shop or comes back; there is no other way for one to change its place.
"""

from __future__ import annotations

from functools import cache

from sqlalchemy import text

from storefront.domain.catalog import ListQuery, ProductCard, Sort
from storefront.repositories.aurora.database import Database
from storefront.repositories.aurora.prepared import Prepared
from storefront.repositories.aurora.product_cards import CARD, ORDERS
from storefront.repositories.aurora.reading import records

STEP = 1_000

# An import that marks the lists and somebody who takes a product out see what the other did, or wait for it.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('list marks', 0))")

# Of each order the column before the SKU, and how a product's compares if it comes after the mark's.
_KEYS = {
    Sort.NEWEST: ("created_at", "<"),
    Sort.PRICE: ("price_cents", ">"),
    Sort.PRICE_DOWN: ("price_cents", "<"),
}


def browse(db: Database, query: ListQuery, offset: int, size: int) -> tuple[ProductCard, ...]:
    """Cards of a list that leaves nothing out, from the mark before them; none if the list has no marks."""
    rows = db.catalogue(
        _list(query.sort, bool(query.category)),
        {"category": query.category, "size": size, "offset": offset},
    )
    return tuple(records(ProductCard, rows))


@cache
def _list(sort: Sort, within: bool) -> Prepared:
    """In two halves, equal to the mark's key and beyond it: each is a stretch of an index."""
    key, beyond = _KEYS[sort]
    listed = f"FROM products p WHERE p.listed {'AND p.category = :category' if within else ''}"
    keys = f"SELECT p.sku, p.{key} {listed}"
    enough = "LIMIT (SELECT CAST(:offset AS bigint) - n + CAST(:size AS bigint) FROM mark)"
    return Prepared(f"""
        WITH mark AS MATERIALIZED (
            SELECT n, sku, {key} FROM list_marks
             WHERE sort = '{sort}' AND category = :category AND n <= :offset ORDER BY n DESC LIMIT 1
        )
        SELECT {CARD}
          FROM (
            SELECT p.sku FROM (
                ({keys} AND p.{key} = (SELECT {key} FROM mark) AND p.sku >= (SELECT sku FROM mark)
                  ORDER BY p.sku {enough})
                UNION ALL
                ({keys} AND p.{key} {beyond} (SELECT {key} FROM mark)
                  ORDER BY {ORDERS[sort]} {enough})
            ) p
            ORDER BY {ORDERS[sort]} LIMIT :size OFFSET (SELECT CAST(:offset AS bigint) - n FROM mark)
          ) chosen JOIN products p USING (sku) JOIN stock s USING (sku)
         ORDER BY {ORDERS[sort]}
    """)  # noqa: S608 - made of our own constants


def rebuild(db: Database) -> None:
    """Mark all lists, in the open transaction."""
    session = db.session
    session.execute(_LOCK)
    session.execute(text("DELETE FROM list_marks"))
    for sort, (key, _) in _KEYS.items():
        for category, partition in (("''", ""), ("p.category", "PARTITION BY p.category")):
            session.execute(
                text(f"""
                    INSERT INTO list_marks (sort, category, n, sku, {key})
                    SELECT '{sort}', category, n, sku, {key}
                      FROM (
                        SELECT {category} AS category, p.sku, p.{key},
                               row_number() OVER ({partition} ORDER BY {ORDERS[sort]}) - 1 AS n
                          FROM products p WHERE p.listed {"AND p.category <> ''" if partition else ""}
                      ) numbered
                     WHERE n % :step = 0
                """),  # noqa: S608 - made of our own constants
                {"step": STEP},
            )


def move(db: Database, sku: str, by: int) -> None:
    """Tell the marks behind a product that there are so many more before them, in the open transaction.

    After the product was changed: whoever waits for the lock then sees it.
    """
    db.session.execute(_LOCK)
    for sort, (key, beyond) in _KEYS.items():
        db.session.execute(
            text(f"""
                UPDATE list_marks m SET n = n + :by
                  FROM products p
                 WHERE p.sku = :sku AND m.sort = '{sort}' AND m.category IN ('', p.category)
                   AND (m.{key} {beyond} p.{key} OR m.{key} = p.{key} AND m.sku > p.sku)
            """),  # noqa: S608 - made of our own constants
            {"by": by, "sku": sku},
        )
