"""Products as cards, in the orders that a list can have."""

from __future__ import annotations

from functools import cache

from storefront.domain.catalog import ListQuery, ProductCard, Sort
from storefront.repositories.aurora.database import Database
from storefront.repositories.aurora.prepared import Prepared
from storefront.repositories.aurora.reading import records

NEWEST = 24
"""So many of a category's newest products are looked at for the one to show for it."""

CARD = """
    p.sku, p.name, p.price_cents, p.category, p.image_url, s.quantity - s.reserved AS available, p.picture
"""

# Ties fall to the SKU, ascending in every order.
ORDERS = {
    Sort.NEWEST: "p.created_at DESC, p.sku",
    Sort.PRICE: "p.price_cents, p.sku",
    Sort.PRICE_DOWN: "p.price_cents DESC, p.sku",
}
_BACKWARDS = {
    Sort.NEWEST: "p.created_at, p.sku DESC",
    Sort.PRICE: "p.price_cents DESC, p.sku DESC",
    Sort.PRICE_DOWN: "p.price_cents, p.sku DESC",
}


def browse(
    db: Database, query: ListQuery, offset: int, size: int, backwards: bool = False
) -> tuple[ProductCard, ...]:
    """Cards of the list: index entries alone are walked to get there, rows are read for the cards."""
    statement = _list(query.sort, bool(query.category), query.in_stock, backwards)
    rows = db.catalogue(statement, {"category": query.category, "size": size, "offset": offset})
    return tuple(records(ProductCard, rows))


@cache
def _list(sort: Sort, within: bool, in_stock: bool, backwards: bool) -> Prepared:
    """Each of the few lists there can be is put together once: doing it anew costs more than its answer."""
    order = (_BACKWARDS if backwards else ORDERS)[sort]
    return Prepared(f"""
        SELECT {CARD}
          FROM (
            SELECT p.sku FROM products p {"JOIN stock s USING (sku)" if in_stock else ""}
             WHERE p.listed {"AND s.quantity > s.reserved" if in_stock else ""}
               {"AND p.category = :category" if within else ""}
             ORDER BY {order} LIMIT :size OFFSET :offset
          ) chosen JOIN products p USING (sku) JOIN stock s USING (sku)
         ORDER BY {order}
    """)  # noqa: S608 - made of our own constants


_FACES = Prepared(f"""
    SELECT face.sku, face.name, face.price_cents, face.category, face.image_url, face.available,
           face.picture
      FROM unnest(CAST(:categories AS text[])) AS wanted (name)
     CROSS JOIN LATERAL (
        SELECT *
          FROM (
            SELECT p.sku, p.name, p.price_cents, p.category, p.image_url, p.created_at,
                   p.picture, s.quantity - s.reserved AS available
              FROM products p JOIN stock s USING (sku)
             WHERE p.listed AND p.category = wanted.name
             ORDER BY {ORDERS[Sort.NEWEST]} LIMIT {NEWEST}
          ) newest
         ORDER BY available > 0 DESC,
                  picture <> '' OR image_url ~ '^(/static/|https:)' DESC, created_at DESC, sku
         LIMIT 1
      ) face
""")  # noqa: S608 - made of our own constants


def faces(db: Database, categories: list[str]) -> tuple[ProductCard, ...]:
    """A card for each category: among its newest, one to be had and with a picture if possible."""
    if not categories:
        return ()
    return tuple(records(ProductCard, db.catalogue(_FACES, {"categories": categories})))
