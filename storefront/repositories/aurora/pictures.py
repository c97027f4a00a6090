"""Which products ask for a photograph by its name, and which picture each has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import select, text

from storefront.domain.catalog import Product
from storefront.domain.pictures import source_name
from storefront.repositories.aurora.database import Database

BATCH = 5_000


class Asked(NamedTuple):
    """A product, the name of the photograph that it asks for, the picture that it has, and whether it shows
    something without one, too."""

    sku: str
    name: str
    picture: str
    shown: bool


class Pictures:
    def __init__(self, db: Database) -> None:
        self._db = db

    def asked(self) -> Iterator[Asked]:
        """Every product that asks for a photograph by its name, listed or not, a batch at a time."""
        after = ""
        while True:
            rows = self._db.rows(
                select(Product.sku, Product.image_url, Product.picture)
                .where(Product.sku > after, Product.image_url != "")
                .order_by(Product.sku)
                .limit(BATCH)
            )
            for row in rows:
                if name := source_name(row.image_url):
                    yield Asked(row.sku, name, row.picture, row.image_url.startswith("/static/"))
            if len(rows) < BATCH:
                return
            after = rows[-1].sku

    def give(self, picture: str, name: str, skus: Sequence[str]) -> None:
        """Let these products have the picture, unless one asks for another photograph by now."""
        self._db.session.execute(
            text("""
                WITH asking AS MATERIALIZED (
                    SELECT sku FROM products
                     WHERE sku = ANY(:skus) AND regexp_replace(image_url, '^.*/', '') = :name
                     ORDER BY sku COLLATE "C" FOR NO KEY UPDATE
                )
                UPDATE products p SET picture = :picture FROM asking WHERE p.sku = asking.sku
            """),
            {"picture": picture, "name": name, "skus": list(skus)},
        )
