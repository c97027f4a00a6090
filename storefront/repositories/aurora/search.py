"""Finding products by words, and mending mistyped ones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from sqlalchemy import text

from storefront.domain.catalog import WORDS, CategoryCount, ListQuery, ProductCard, Sort
from storefront.repositories.aurora.database import Database
from storefront.repositories.aurora.prepared import Prepared
from storefront.repositories.aurora.reading import AnyRow

CAP = 240
"""So many hits are ranked and counted, ten pages of a list: each is a page of the table to read, and in a
large catalogue none is near another."""
COMMON = 10 * CAP
"""A word that so many products have is looked for as it stands, not as the beginning of others: that takes
twice as long, and finds more than are shown anyway."""

MOST_WORDS = 8
"""So many words of a search are looked for."""
_WORD = re.compile(r"[^\W_]+")

# plainto_tsquery() takes any text, quotes what it must and yields plain ANDs; the last word, which may
# still be being typed, then becomes a prefix. Nothing typed ever reaches to_tsquery() as syntax.
_TYPED = f"""(nullif(plainto_tsquery('simple', {WORDS.format(":q")})::text, '') || ':*')::tsquery"""

# The same for one word alone that is common.
_SHORTER = f"""
    CASE WHEN EXISTS (SELECT FROM search_words
                       WHERE word = trim({WORDS.format(":q")}) AND products > {COMMON})
         THEN plainto_tsquery('simple', {WORDS.format(":q")}) ELSE {_TYPED} END
"""

_ORDERS = {
    Sort.RELEVANCE: ("", "rank DESC, sku"),
    Sort.NEWEST: ("created_at DESC, sku", "created_at DESC, sku"),
    Sort.PRICE: ("price_cents, sku", "price_cents, sku"),
    Sort.PRICE_DOWN: ("price_cents DESC, sku", "price_cents DESC, sku"),
}

# Catalogues are mistyped too, so a word that some product has is still replaced if one a slip away is
# COMMONER times as common: "fromge" is in one name, "fromage" in eight hundred. Letters swapped with their
# neighbour are two edits to levenshtein(), but one slip to people. Trigrams hardly overlap in short words,
# so those are compared with all of about their length; longer ones come from the trigram index.
COMMONER = 20
_MEND = Prepared(f"""
    WITH typed AS (
        SELECT word, n, n = max(n) OVER () AS last,
               CASE WHEN length(word) < 3 OR length(word) > 40 OR word ~ '^[0-9]+$' THEN 0
                    WHEN length(word) < 5 THEN 1 ELSE 2 END AS slips,
               ARRAY(SELECT overlay(word PLACING reverse(substr(word, i, 2)) FROM i FOR 2)
                       FROM generate_series(1, least(length(word), 40) - 1) AS i) AS swapped
          FROM regexp_split_to_table(trim({WORDS.format(":q")}), ' ') WITH ORDINALITY AS t (word, n)
    ), known AS MATERIALIZED (
        SELECT *, (SELECT coalesce(sum(products), 0) FROM search_words s
                    WHERE s.word = typed.word OR typed.last AND s.word LIKE typed.word || '%') AS products
          FROM typed
    )
    SELECT known.word, mended.word AS mended
      FROM known LEFT JOIN LATERAL (
        SELECT c.word
          FROM (
            SELECT word, products FROM search_words WHERE word % known.word
            UNION
            SELECT word, products FROM search_words WHERE word = ANY(known.swapped)
            UNION
            SELECT word, products FROM search_words
             WHERE length(known.word) < 5
               AND length(word) BETWEEN length(known.word) - 1 AND length(known.word) + 1
          ) c
         CROSS JOIN LATERAL (
            SELECT CASE WHEN c.word = ANY(known.swapped) THEN 1
                        ELSE levenshtein_less_equal(c.word, known.word, known.slips) END AS slips
          ) d
         WHERE d.slips BETWEEN 1 AND known.slips AND c.products > {COMMONER} * known.products
         ORDER BY d.slips, c.products DESC, c.word
         LIMIT 1
      ) mended ON known.slips > 0
     ORDER BY known.n
""")  # noqa: S608 - made of our own constants

_REBUILD_WORDS = (
    """
    CREATE TEMPORARY TABLE words ON COMMIT DROP AS
    SELECT word, ndoc AS products
      FROM ts_stat('SELECT search FROM products WHERE listed')
     WHERE length(word) BETWEEN 2 AND 40
       AND (ndoc > 1 OR word IN (SELECT word FROM ts_stat('SELECT search FROM products WHERE listed', 'ab')))
    """,
    "DELETE FROM search_words s WHERE NOT EXISTS (SELECT FROM words w WHERE w.word = s.word)",
    """
    INSERT INTO search_words (word, products) SELECT word, products FROM words
    ON CONFLICT (word) DO UPDATE SET products = excluded.products
     WHERE search_words.products <> excluded.products
    """,
)


@dataclass(frozen=True)
class Hits:
    """One page of hits. ``total`` is at most CAP; ``capped`` says that there are more.

    ``categories`` counts the same hits, largest first.
    """

    cards: tuple[ProductCard, ...]
    total: int
    capped: bool
    categories: tuple[CategoryCount, ...]


def few_words(typed: str) -> str:
    """As much of what was typed as is looked for: each word more costs a look at an index of its own, and
    several where it may be mistyped."""
    ends = [word.end() for word in _WORD.finditer(typed)]
    return typed if len(ends) <= MOST_WORDS else typed[: ends[MOST_WORDS - 1]]


def words(typed: str) -> list[str]:
    """The words of a text as the catalogue's are cut."""
    return _WORD.findall(typed)


def has_words(typed: str) -> bool:
    return any(letter.isalnum() for letter in typed)


def find(db: Database, query: ListQuery, size: int) -> Hits:
    """The hits of ``query.q`` on one page of ``size``, in one statement."""
    offset = min((query.page - 1) * size, CAP)
    rows = db.catalogue(
        _find(query.sort, bool(query.category), query.in_stock),
        {
            "q": few_words(query.q),
            "sku": query.q,
            "category": query.category,
            "size": min(size, max(CAP - offset, 0)),
            "offset": offset,
        },
    )
    found, counts = rows[0].found, rows[0].counts or {}
    return Hits(
        cards=tuple(_card(row) for row in rows if row.sku is not None),
        total=min(found, CAP),
        capped=found > CAP,
        categories=tuple(
            CategoryCount(name, n) for name, n in sorted(counts.items(), key=lambda c: (-c[1], c[0])) if name
        ),
    )


def _card(row: AnyRow) -> ProductCard:
    return ProductCard(
        row.sku, row.name, row.price_cents, row.category, row.image_url, row.available, row.picture
    )


@cache
def _find(sort: Sort, within: bool, in_stock: bool) -> Prepared:
    """Each of the few searches there can be is put together once."""
    kept, shown = _ORDERS[sort]
    # Asked for an order the planner must know the words: a common one is met soon on the way along the
    # order's index. Otherwise it must not: of a common one it would read the table from its beginning.
    typed = _TYPED if kept else "asked.typed"
    columns = "p.sku, p.name, p.price_cents, p.category, p.image_url, p.picture, p.created_at, p.search"
    stock = "JOIN stock s ON s.sku = p.sku" if in_stock else ""
    others = f"""{"AND s.quantity > s.reserved" if in_stock else ""}
                 {"AND p.category = :category" if within else ""}"""
    return Prepared(f"""
        WITH asked AS MATERIALIZED (
            SELECT {_TYPED if within or in_stock else _SHORTER} AS typed
        ), hits AS MATERIALIZED (
            SELECT p.*, {"0" if kept else "ts_rank(p.search, asked.typed, 1)"} AS rank
              FROM asked CROSS JOIN LATERAL (
                (SELECT {columns} FROM products p {stock} WHERE p.listed AND p.sku = :sku {others})
                UNION ALL
                (SELECT {columns} FROM products p {stock}
                  WHERE p.listed AND p.search @@ {typed} AND p.sku <> :sku {others}
                 {f"ORDER BY {kept}" if kept else ""}
                  LIMIT {CAP + 1})
              ) p
             LIMIT {CAP + 1}
        ), page AS (
            SELECT *, row_number() OVER (ORDER BY {shown}) AS n
              FROM hits ORDER BY n LIMIT :size OFFSET :offset
        )
        SELECT (SELECT count(*) FROM hits) AS found,
               (SELECT jsonb_object_agg(category, n) FROM (
                    SELECT category, count(*) AS n FROM hits GROUP BY category) c) AS counts,
               page.sku, page.name, page.price_cents, page.category, page.image_url, page.picture,
               s.quantity - s.reserved AS available
          FROM (SELECT) one LEFT JOIN (page JOIN stock s USING (sku)) ON true
         ORDER BY page.n
    """)  # noqa: S608 - made of our own constants


def correct_spelling(db: Database, typed: str) -> str | None:
    """The typed words, with those that no or hardly any product has replaced by likelier ones.

    None if there is nothing to replace. One statement.
    """
    rows = db.catalogue(_MEND, {"q": few_words(typed)})
    if not any(row.mended for row in rows):
        return None
    return " ".join(row.mended or row.word for row in rows)


def rebuild_words(db: Database) -> None:
    """Learn the words of the catalogue anew, in the open transaction; about a second for 50,000 products.

    Every word of a name or category counts; of descriptions, whose lists of ingredients are full of slips,
    only those that two products share.
    """
    for statement in _REBUILD_WORDS:
        db.session.execute(text(statement))
