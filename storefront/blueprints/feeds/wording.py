"""One product as a program is told of it."""

from __future__ import annotations

from storefront.config import Settings
from storefront.domain.catalog import ListedProduct
from storefront.web.filters import product_url
from storefront.web.pictures import Pictures

Told = dict[str, object]


def described(product: ListedProduct, settings: Settings, pictures: Pictures) -> Told:
    """Names of its fields are promised to stay; money is in whole cents, times are UTC (ISO 8601)."""
    return {
        "sku": product.sku,
        "name": product.name,
        "description": product.description,
        "category": product.category,
        "price_cents": product.price_cents,
        "currency": settings.currency,
        "tax_included": True,
        "delivery_cents": 0,
        "availability": "in_stock" if product.available > 0 else "out_of_stock",
        "condition": "new",
        "url": settings.base_url + product_url(product.sku),
        "image": pictures.full(pictures.picture(product)),
        "updated_at": f"{product.changed_at:%Y-%m-%dT%H:%M:%SZ}",
    }
