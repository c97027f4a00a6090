"""What the search field offers while something is being typed into it."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from storefront.domain.catalog import WORDS, CategoryCount, ListQuery, ProductCard, Sort, Suggestions
from storefront.repositories.aurora import search
from storefront.repositories.aurora.database import Database
from storefront.repositories.aurora.prepared import Prepared
from storefront.repositories.aurora.reading import records

PRODUCTS = 6
CATEGORIES = 3
SHORT = 3
"""From so many letters on, a last word is looked for as the beginning of any other."""
COMPLETIONS = 8
MOST_OF_ONE = 1_000
"""No word that more products have completes a short one: most of a catalogue has a word with an a."""
MOST_OF_WHOLE = 50_000
"""As ``MOST_OF_ONE``, of the short word itself: "tv" may be all that a shop sells."""
CANDIDATES = 250

_CARD = """
    p.sku, p.name, p.price_cents, p.category, p.image_url, p.picture, s.quantity - s.reserved AS available
"""

# One or two letters are the beginning of so many words that looking for all of them would read the index of
# half the catalogue. Alone, they stand for the commonest of the words that few enough products have; after
# other words, which are looked for as they are, they only bring those to the front that go on so.
_BEGINNING = f"(nullif(plainto_tsquery('simple', {WORDS.format(':last')})::text, '') || ':*')::tsquery"
_BEGUN = Prepared(f"""
    WITH completing AS (
        SELECT word
          FROM (SELECT trim({WORDS.format(":last")}) AS last) typed JOIN search_words ON word LIKE last || '%'
         WHERE :rest = ''
           AND products <= CASE WHEN word = last THEN {MOST_OF_WHOLE} ELSE {MOST_OF_ONE} END
         ORDER BY word = last DESC, products DESC, word LIMIT {COMPLETIONS}
    ), looked_for AS (
        SELECT coalesce((SELECT string_agg(quote_literal(word), ' | ')::tsquery FROM completing),
                        plainto_tsquery('simple', {WORDS.format(":rest")})) AS words
    ), hits AS MATERIALIZED (
        SELECT p.sku, p.sku = :sku AS exactly, p.search @@ {_BEGINNING} AS begins,
               ts_rank(p.search, {_BEGINNING}, 1) AS rank
          FROM looked_for CROSS JOIN LATERAL (
            (SELECT sku, search FROM products
              WHERE listed AND search @@ looked_for.words LIMIT {CANDIDATES})
            UNION ALL
            SELECT sku, search FROM products WHERE listed AND sku = :sku
          ) p
    ), best AS (
        SELECT DISTINCT ON (sku) * FROM hits ORDER BY sku
    )
    SELECT {_CARD}
      FROM (SELECT * FROM best ORDER BY exactly DESC, begins DESC, rank DESC, sku LIMIT {PRODUCTS}) shown
      JOIN products p USING (sku) JOIN stock s USING (sku)
     ORDER BY shown.exactly DESC, shown.begins DESC, shown.rank DESC, sku
""")  # noqa: S608 - made of our own constants


def suggest(db: Database, typed: str, counts: tuple[CategoryCount, ...]) -> Suggestions:
    """Offers for what was typed so far, in one statement, or up to three where it finds little.

    ``counts`` are all categories (``Products.categories``).
    """
    typed = search.few_words(typed)
    words = search.words(typed)
    if not words:
        return Suggestions(typed, typed)
    named = _named(words, counts)
    if len(words[-1]) < SHORT:
        return Suggestions(typed, typed, _begun(db, typed, words), named)
    hits, meant, found_by = search.find(db, _query(typed), PRODUCTS), None, typed
    if hits.total < PRODUCTS:
        meant = search.correct_spelling(db, typed)
        if meant and not hits.total:
            hits, found_by = search.find(db, _query(meant), PRODUCTS), meant
    several = len(hits.categories) > 1
    return Suggestions(
        typed,
        found_by,
        products=hits.cards,
        categories=named,
        within=hits.categories[: CATEGORIES - 1] if several else (),
        meant=meant if hits.total else None,
    )


def _query(typed: str) -> ListQuery:
    return ListQuery(q=typed, sort=Sort.RELEVANCE)


def _begun(db: Database, typed: str, words: list[str]) -> tuple[ProductCard, ...]:
    asked = {"last": words[-1], "rest": " ".join(words[:-1]), "sku": typed}
    return tuple(records(ProductCard, db.catalogue(_BEGUN, asked)))


def _named(words: list[str], counts: tuple[CategoryCount, ...]) -> tuple[CategoryCount, ...]:
    """The largest categories whose names have a word for each typed one that begins with it."""
    typed = [_fold(word) for word in words]
    found = []
    for count in counts:
        name = _folded_words(count.name)
        if all(any(one.startswith(word) for one in name) for word in typed):
            found.append(count)
            if len(found) == CATEGORIES:
                break
    return tuple(found)


@lru_cache(maxsize=4096)
def _folded_words(name: str) -> tuple[str, ...]:
    return tuple(search.words(_fold(name)))


def _fold(text: str) -> str:
    """Without accents and case; of names alone, so that it need not be the database's fold() in all."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in parts if not unicodedata.combining(letter))
