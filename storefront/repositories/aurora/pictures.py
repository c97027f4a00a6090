"""Which products ask for a photograph by its name, and which picture each has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import or_, select, text

from storefront.domain.catalog import Product
from storefront.domain.pictures import source_name
from storefront.repositories.aurora.database import Database

BATCH = 5_000


class Asked(NamedTuple):
    """A product, the name of a photograph that it asks for, the picture that it has of it, whether it shows
    something without one, too, and whether it is the product's first."""

    sku: str
    name: str
    picture: str
    shown: bool
    first: bool


class Pictures:
    def __init__(self, db: Database) -> None:
        self._db = db

    def asked(self) -> Iterator[Asked]:
        """Every product that asks for a photograph by its name, listed or not, a batch at a time."""
        after = ""
        while True:
            rows = self._db.rows(
                select(
                    Product.sku,
                    Product.image_url,
                    Product.picture,
                    Product.image_urls,
                    Product.more_pictures,
                )
                .where(Product.sku > after, or_(Product.image_url != "", Product.image_urls != ""))
                .order_by(Product.sku)
                .limit(BATCH)
            )
            for row in rows:
                first = source_name(row.image_url)
                if first:
                    yield Asked(row.sku, first, row.picture, _is_ours(row.image_url), True)
                for url in row.image_urls.split():
                    name = source_name(url)
                    if name and name != first:
                        yield Asked(row.sku, name, row.more_pictures.get(name, ""), _is_ours(url), False)
            if len(rows) < BATCH:
                return
            after = rows[-1].sku

    def give_more(self, picture: str, name: str, skus: Sequence[str]) -> None:
        """Let these products have the picture of the photograph beside their first. One that asks for it no
        more doesn't show it."""
        self._db.session.execute(
            text("""
                WITH asking AS MATERIALIZED (
                    SELECT sku FROM products WHERE sku = ANY(:skus)
                     ORDER BY sku COLLATE "C" FOR NO KEY UPDATE
                )
                UPDATE products p
                   SET more_pictures = more_pictures
                       || jsonb_build_object(CAST(:name AS text), CAST(:picture AS text))
                  FROM asking WHERE p.sku = asking.sku
            """),
            {"picture": picture, "name": name, "skus": list(skus)},
        )

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


def _is_ours(image_url: str) -> bool:
    """Whether it is shown as it is."""
    return image_url.startswith("/static/")
