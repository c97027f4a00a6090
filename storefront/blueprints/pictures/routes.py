"""Pictures that the shop draws, kept by whoever asks for them."""

from __future__ import annotations

from functools import lru_cache
from threading import BoundedSemaphore

from flask import Blueprint, Response

from storefront.domain.errors import NotFound, TooMuch
from storefront.domain.ids import sku_problem
from storefront.drawing import social
from storefront.drawing.colours import Palette
from storefront.drawing.tile import Tile
from storefront.web.context import stores
from storefront.web.pictures import pictures, tile_of

drawings = Blueprint("pictures", __name__)

FOR_EVER = "public, max-age=31536000, immutable"
FOR_A_DAY = "public, max-age=86400"

DRAWING = BoundedSemaphore(2)
"""So many pictures to share are drawn at a time by one process: each takes as long as ten pages, and whoever
fetches those of a whole catalogue shall not have all threads."""
RETRY_SECONDS = 2

# Some 10 and 20 KB each; a network that shows a product fetches its picture a few times in a row.
_tile = lru_cache(maxsize=256)(Tile.png)


@drawings.get("/pictures/drawn-<string:drawing>.png")
def drawn(drawing: str) -> Response:
    tile = pictures().read(drawing)
    if tile is None:
        raise NotFound("There is no such picture")
    return _png(_tile(tile), FOR_EVER)


@drawings.get("/pictures/social-<string:version>/<path:sku>.png")
def of_product(version: str, sku: str) -> Response:
    """As the product is now; kept for ever if that is what the address says."""
    if sku_problem(sku):
        raise NotFound("There is no such picture")
    product, made = stores().products.in_feeds(sku), pictures()
    image = _product(product.name, product.category, made.shop, tile_of(product), made.palette)
    return _png(image, FOR_EVER if version == made.version(product) else FOR_A_DAY)


@drawings.get("/pictures/shop.png")
def of_shop() -> Response:
    made = pictures()
    return _png(_shop(made.shop, made.line, made.palette), FOR_A_DAY)


@lru_cache(maxsize=128)
def _product(name: str, category: str, shop: str, tile: Tile, palette: Palette) -> bytes:
    if not DRAWING.acquire(blocking=False):
        raise TooMuch("We are drawing other pictures at the moment.", RETRY_SECONDS)
    try:
        return social.of_product(name, category, shop, tile, palette)
    finally:
        DRAWING.release()


@lru_cache(maxsize=2)
def _shop(name: str, line: str, palette: Palette) -> bytes:
    return social.of_shop(name, line, palette)


def _png(image: bytes, cache_control: str) -> Response:
    answer = Response(image, content_type="image/png")
    answer.headers["Cache-Control"] = cache_control
    return answer
