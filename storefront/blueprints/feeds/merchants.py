"""The catalogue as RSS 2.0 with Google's names, which other portals take as well."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from storefront.config import Settings
from storefront.domain.catalog import ListedProduct
from storefront.domain.text import shortened
from storefront.web.filters import product_url
from storefront.web.pictures import Pictures
from storefront.web.streamed import xml

ID_MAX, TITLE_MAX, DESCRIPTION_MAX, TYPE_MAX = 50, 150, 5_000, 750
"""What Google takes (https://support.google.com/merchants/answer/7052112), in characters."""


def document(batches: Iterator[list[ListedProduct]], settings: Settings, pictures: Pictures) -> Iterator[str]:
    """The feed in pieces: its head, one for each batch, its end. No piece depends on another."""
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel>\n'
        f"<title>{xml(settings.shop_name)}</title><link>{xml(settings.base_url)}/</link>\n"
        f"<description>All that {xml(settings.shop_name)} sells</description>\n"
    )
    for batch in batches:
        yield "".join(_item(product, settings, pictures) for product in batch)
    yield "</channel></rss>\n"


def _item(product: ListedProduct, settings: Settings, pictures: Pictures) -> str:
    fields = {
        "g:id": _id(product.sku),
        "title": shortened(product.name, TITLE_MAX),
        "description": shortened(product.description.strip() or product.name, DESCRIPTION_MAX),
        "link": settings.base_url + product_url(product.sku),
        "g:image_link": pictures.full(pictures.picture(product)),
        "g:price": f"{product.price_cents // 100}.{product.price_cents % 100:02d} {settings.currency}",
        "g:availability": "in_stock" if product.available > 0 else "out_of_stock",
        "g:condition": "new",
        "g:brand": shortened(settings.shop_name, 70),
        # What the house sells bears no codes of a trade association.
        "g:identifier_exists": "no",
        "g:product_type": shortened(product.category, TYPE_MAX),
    }
    told = "".join(f"<{name}>{xml(value)}</{name}>" for name, value in fields.items() if value)
    return f"<item>{told}</item>\n"


def _id(sku: str) -> str:
    """The SKU; a long one is cut, and told from its like by a fingerprint."""
    if len(sku) <= ID_MAX:
        return sku
    return f"{sku[: ID_MAX - 9]}-{hashlib.sha256(sku.encode()).hexdigest()[:8]}"
