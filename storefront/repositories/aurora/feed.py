"""The whole catalogue in the order of its SKUs, a batch at a time, for crawlers and programs."""

from __future__ import annotations

from collections.abc import Iterator

from storefront.domain.catalog import ListedProduct
from storefront.domain.errors import NotFound
from storefront.repositories.aurora.database import Database
from storefront.repositories.aurora.prepared import Prepared
from storefront.repositories.aurora.reading import records

BATCH = 1_000

_COLUMNS = """
    p.sku, p.name, p.price_cents, p.category, p.image_url, p.picture,
    coalesce(p.changed_at, p.created_at) AS changed_at,
    coalesce(s.quantity - s.reserved, 0) AS available
"""
_BATCH = """
    SELECT {columns}, {description} AS description
      FROM products p LEFT JOIN stock s USING (sku)
     WHERE p.listed AND p.sku > :after {until} ORDER BY p.sku LIMIT :size
"""
_WITH_DESCRIPTIONS = Prepared(_BATCH.format(columns=_COLUMNS, description="p.description", until=""))
_WITHOUT = Prepared(_BATCH.format(columns=_COLUMNS, description="''", until=""))
_UNTIL = Prepared(_BATCH.format(columns=_COLUMNS, description="''", until="AND p.sku <= :until"))
_ONE = Prepared(f"""
    SELECT {_COLUMNS}, p.description
      FROM products p LEFT JOIN stock s USING (sku) WHERE p.listed AND p.sku = :sku
""")  # noqa: S608 - made of our own constants

# Unlisted ones count too, so that the entries of the primary key's index are all there is to read.
_NEXT_START = Prepared(
    "SELECT sku FROM products WHERE sku > :after ORDER BY sku OFFSET CAST(:size AS bigint) - 1 LIMIT 1"
)
_IS_MORE = Prepared("SELECT sku FROM products WHERE sku > :after ORDER BY sku LIMIT 1")


def one(db: Database, sku: str) -> ListedProduct:
    """As a program is told of a product.

    Raises:
        NotFound: there is no such product, or it is unlisted.
    """
    found = records(ListedProduct, db.catalogue(_ONE, {"sku": sku}))
    if not found:
        raise NotFound("We can't find this product")
    return found[0]


def whole(db: Database) -> Iterator[list[ListedProduct]]:
    """All listed products with their descriptions."""
    after = ""
    while batch := records(ListedProduct, db.catalogue(_WITH_DESCRIPTIONS, {"after": after, "size": BATCH})):
        yield batch
        after = batch[-1].sku


def between(db: Database, after: str, until: str | None) -> Iterator[list[ListedProduct]]:
    """The listed products after one SKU, up to another if there is one; their descriptions are left out."""
    statement = _WITHOUT if until is None else _UNTIL
    while True:
        asked = {"after": after, "size": BATCH} | ({} if until is None else {"until": until})
        batch = records(ListedProduct, db.catalogue(statement, asked))
        if not batch:
            return
        yield batch
        after = batch[-1].sku


def starts(db: Database, size: int) -> list[str]:
    """The SKUs after which each part of ``size`` products begins, the first of them ''.

    It walks the whole index, so whoever asks often keeps it.
    """
    found = [""]
    while rows := db.catalogue(_NEXT_START, {"after": found[-1], "size": size}):
        if not db.catalogue(_IS_MORE, {"after": rows[0].sku}):
            break
        found.append(rows[0].sku)
    return found
