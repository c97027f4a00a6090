"""A product page's read: the product, its stock and its neighbours on the shelf, in one statement."""

from __future__ import annotations

from storefront.domain.catalog import ProductCard, ProductPage
from storefront.domain.errors import NotFound
from storefront.repositories.aurora.database import Database
from storefront.repositories.aurora.prepared import Prepared

RELATED = 4

_NEAR = """
    SELECT p.sku, p.name, p.price_cents, p.category, p.image_url, s.quantity - s.reserved AS available,
           p.picture
      FROM products p JOIN stock s USING (sku)
     WHERE p.listed AND p.category = product.category AND p.sku <> product.sku AND s.quantity > s.reserved
"""
# Each side of the price is a short walk along the index (category, price).
_PAGE = Prepared(f"""
    WITH product AS MATERIALIZED (
        SELECT p.sku, p.name, p.description, p.price_cents, p.category, p.image_url, p.created_at,
               p.picture, p.image_urls, p.more_pictures, s.quantity, s.reserved,
               CASE WHEN s.quantity > 0 AND s.quantity = s.reserved THEN (
                   SELECT min(o.expires_at) FROM cart_items i JOIN orders o USING (cart_id)
                    WHERE i.sku = p.sku AND o.status = 'pending') END AS next_free
          FROM products p JOIN stock s USING (sku)
         WHERE p.sku = :sku AND p.listed
    )
    SELECT product.*, (
        SELECT coalesce(jsonb_agg(
                   jsonb_build_array(
                       sku, name, price_cents, category, image_url, available, picture)), '[]')
          FROM (
            SELECT sides.* FROM (
                ({_NEAR} AND p.price_cents >= product.price_cents
                  ORDER BY p.price_cents, p.sku LIMIT {RELATED})
                UNION ALL
                ({_NEAR} AND p.price_cents < product.price_cents
                  ORDER BY p.price_cents DESC, p.sku DESC LIMIT {RELATED})
            ) sides
             WHERE product.category <> ''
             ORDER BY abs(sides.price_cents - product.price_cents), sides.sku
             LIMIT {RELATED}
          ) nearest
    ) AS related FROM product
""")  # noqa: S608 - made of our own constants


def read(db: Database, sku: str) -> ProductPage:
    """A listed product; ``related`` are available ones of its category, nearest in price.

    Raises:
        NotFound: there is no such product, or it is unlisted.
    """
    rows = db.catalogue(_PAGE, {"sku": sku})
    if not rows:
        raise NotFound("We can't find this product")
    columns = rows[0]._asdict()
    related = tuple(ProductCard(*card) for card in columns.pop("related"))
    return ProductPage(**columns, related=related)
