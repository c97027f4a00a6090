"""A catalogue on its way in: rows gather in a temporary table, then enter the shop at once or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import psycopg
from sqlalchemy import text

from storefront.domain.errors import StoreUnavailable
from storefront.repositories.aurora.connections import lift_bounds
from storefront.repositories.aurora.database import Database

COLUMNS = {
    "line": "bigint",
    "sku": "text",
    "name": "text",
    "description": "text",
    "price_cents": "integer",
    "category": "text",
    "image_url": "text",
    "image_urls": "text",
    "quantity": "bigint",
}
"""Of a staged row, in the order in which they are copied, with their types."""


PHOTOGRAPH = "^(?![a-zA-Z][a-zA-Z0-9+.-]*:)(?:.*/)?([^/]*)$"
"""As ``source_name`` of domain/pictures.py reads an image_url: a picture stays while this is the same."""

_CHANGE = text("""
    WITH differing AS MATERIALIZED (
        SELECT p.sku, t.name, t.price_cents,
               coalesce(t.description, p.description) AS description,
               coalesce(t.category, p.category) AS category,
               coalesce(t.image_url, p.image_url) AS image_url,
               coalesce(t.image_urls, p.image_urls) AS image_urls,
               CASE WHEN substring(coalesce(t.image_url, p.image_url) FROM :photograph)
                         = substring(p.image_url FROM :photograph)
                    THEN p.picture ELSE '' END AS picture,
               (t.name, coalesce(t.description, p.description), coalesce(t.category, p.category))
                   <> (p.name, p.description, p.category) AS words
          FROM products p JOIN staging t USING (sku)
         WHERE (p.name, p.description, p.price_cents, p.category, p.image_url, p.image_urls)
               IS DISTINCT FROM (t.name, coalesce(t.description, p.description), t.price_cents,
                   coalesce(t.category, p.category), coalesce(t.image_url, p.image_url),
                   coalesce(t.image_urls, p.image_urls))
         ORDER BY p.sku COLLATE "C" FOR NO KEY UPDATE OF p
    ), updated AS (
        UPDATE products p
           SET name = d.name, description = d.description, price_cents = d.price_cents,
               category = d.category, image_url = d.image_url, image_urls = d.image_urls,
               picture = d.picture
          FROM differing d WHERE p.sku = d.sku
        RETURNING d.words
    )
    SELECT count(*) AS products, coalesce(bool_or(words), false) AS words FROM updated
""")


class Copy(Protocol):
    def write_row(self, row: tuple[object, ...], /) -> None: ...


@dataclass(frozen=True)
class Merged:
    """How many products were new, and how many known ones differ now."""

    new: int
    changed: int
    words_changed: bool


class Staging:
    """Used inside one transaction, in the order of its methods.

    Every statement that locks several rows does so in SKU order (collation "C"), as all others do.
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    def open(self) -> None:
        """Wait for any other import, then make room. The bounds meant for requests don't hold here."""
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        lift_bounds(self._db.session.connection())
        for statement in (
            "SET LOCAL lock_timeout = 0",
            "SELECT pg_advisory_xact_lock(hashtextextended('catalogue import', 0))",
            f"CREATE TEMPORARY TABLE staging ({columns}) ON COMMIT DROP",
        ):
            self._db.session.execute(text(statement))

    @contextmanager
    def copy(self) -> Iterator[Copy]:
        """Takes rows with a value for each of ``COLUMNS``."""
        driver: Any = self._db.session.connection().connection.driver_connection
        statement = f"COPY staging ({', '.join(COLUMNS)}) FROM STDIN"
        try:
            with driver.cursor() as cursor, cursor.copy(statement) as copy:
                yield copy
        except psycopg.OperationalError:
            # It comes past SQLAlchemy, so driver_errors() does not know it.
            raise StoreUnavailable("aurora") from None

    def drop_earlier(self) -> list[tuple[int, str, int]]:
        """Of a SKU that comes twice or more only the last row stays: line, SKU, last line of the others."""
        self._db.session.execute(text("ANALYZE staging"))
        rows = self._db.session.execute(
            text("""
                DELETE FROM staging s
                 USING (SELECT sku, max(line) AS line FROM staging GROUP BY sku HAVING count(*) > 1) last
                 WHERE s.sku = last.sku AND s.line < last.line
                RETURNING s.line, s.sku, last.line AS last
            """)
        )
        return [(row.line, row.sku, row.last) for row in rows]

    def drop_short(self) -> list[tuple[int, str, int, int]]:
        """Drop rows that would leave less in stock than is reserved: line, SKU, quantity, reserved.

        Before ``merge``, so that a rejected line changes nothing of its product. It locks nothing, since
        merging may take long and shoppers would wait; ``stock_known`` looks again under the lock.
        """
        rows = self._db.session.execute(
            text("""
                DELETE FROM staging t USING stock s
                 WHERE s.sku = t.sku AND t.quantity < s.reserved
                RETURNING t.line, t.sku, t.quantity, s.reserved
            """)
        )
        return [(row.line, row.sku, row.quantity, row.reserved) for row in rows]

    def merge(self) -> Merged:
        """New products enter, known ones take what differs; unlisted ones stay so.

        Not INSERT … ON CONFLICT for all: it works out the search column of every row before it finds
        that nothing changed.
        """
        session = self._db.session
        changed = session.execute(
            _CHANGE,
            {"photograph": PHOTOGRAPH},
        ).one()
        new = session.execute(
            text("""
                WITH added AS (
                    INSERT INTO products (sku, name, description, price_cents, category, image_url,
                                          image_urls)
                    SELECT sku, name, coalesce(description, ''), price_cents, coalesce(category, ''),
                           coalesce(image_url, ''), coalesce(image_urls, '')
                      FROM staging t
                     WHERE NOT EXISTS (SELECT FROM products p WHERE p.sku = t.sku)
                     ORDER BY sku COLLATE "C"
                    ON CONFLICT (sku) DO NOTHING
                    RETURNING sku
                )
                SELECT count(*) FROM added
            """)
        ).scalar_one()
        return Merged(new, changed.products, new > 0 or changed.words)

    def stock_new(self) -> None:
        """New SKUs start with their quantity, or with none."""
        self._db.session.execute(
            text("""
                INSERT INTO stock (sku, quantity, received)
                SELECT sku, coalesce(quantity, 0), coalesce(quantity, 0) FROM staging t
                 WHERE NOT EXISTS (SELECT FROM stock s WHERE s.sku = t.sku)
                 ORDER BY sku COLLATE "C"
                ON CONFLICT (sku) DO NOTHING
            """)
        )

    def stock_known(self) -> tuple[int, list[tuple[int, str, int, int]]]:
        """Set what is on hand of known SKUs: how many changed, and rows short by now, as ``drop_short``.

        ``received`` moves along, so that received - quantity stays what was sold (I3).
        """
        rows = self._db.session.execute(
            text("""
                WITH locked AS MATERIALIZED (
                    SELECT t.line, s.sku, t.quantity, s.reserved
                      FROM stock s JOIN staging t USING (sku)
                     WHERE t.quantity <> s.quantity
                     ORDER BY s.sku COLLATE "C" FOR UPDATE OF s
                ), updated AS (
                    UPDATE stock s SET quantity = l.quantity, received = s.received + l.quantity - s.quantity
                      FROM locked l WHERE s.sku = l.sku AND l.quantity >= l.reserved
                    RETURNING s.sku
                )
                SELECT NULL AS line, NULL AS sku, count(*) AS quantity, NULL AS reserved FROM updated
                UNION ALL
                SELECT line, sku, quantity, reserved FROM locked WHERE quantity < reserved
            """)
        ).all()
        changed, *short = rows
        return changed.quantity, [(row.line, row.sku, row.quantity, row.reserved) for row in short]

    def tidy(self) -> None:
        """After the commit: lists are read from indexes alone only while the visibility map is fresh."""
        for table in ("products", "stock", "search_words"):
            self._db.maintain(text(f"VACUUM (ANALYZE, SKIP_LOCKED) {table}"))
