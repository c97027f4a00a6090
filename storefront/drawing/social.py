"""What others show when a page of the shop is shared, in the size that OpenGraph's readers like."""

from __future__ import annotations

from PIL import Image, ImageDraw

from storefront.drawing.colours import Palette
from storefront.drawing.lettering import can_write, font, lines
from storefront.drawing.tile import Tile, png

SIZE = (1200, 630)
"""In pixels."""
_EDGE = 72
_TILE = 440


def of_product(name: str, category: str, shop: str, tile: Tile, palette: Palette) -> bytes:
    """A PNG of a product's name beside its drawn picture; no price, which may be another one by then."""
    image, draw = _sheet(palette)
    image.paste(tile.draw(_TILE), (SIZE[0] - _EDGE - _TILE, (SIZE[1] - _TILE) // 2))
    width = SIZE[0] - 3 * _EDGE - _TILE
    top = _EDGE + 24
    if category and can_write(category):
        draw.text((_EDGE, top), lines(category, 26, width, 1)[0], fill=palette.soft, font=font(26))
    if can_write(name):
        size = 60 if len(name) <= 45 else 46
        for number, line in enumerate(lines(name, size, width, 4)):
            draw.text((_EDGE, top + 62 + number * size * 1.25), line, fill=palette.ink, font=font(size))
    _sign(draw, shop, palette)
    return png(image)


def of_shop(shop: str, line: str, palette: Palette) -> bytes:
    """A PNG of the shop's name and what it sells."""
    image, draw = _sheet(palette)
    middle = SIZE[0] / 2
    if can_write(shop):
        draw.text((middle, 270), shop, fill=palette.accent, font=font(116), anchor="mm")
    if can_write(line):
        draw.text((middle, 395), line, fill=palette.soft, font=font(38), anchor="mm")
    return png(image)


def _sheet(palette: Palette) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", SIZE, palette.paper)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, SIZE[0], 14), fill=palette.accent)
    draw.rectangle((0, SIZE[1] - 6, SIZE[0], SIZE[1]), fill=palette.trim)
    return image, draw


def _sign(draw: ImageDraw.ImageDraw, shop: str, palette: Palette) -> None:
    draw.line((_EDGE, SIZE[1] - 132, _EDGE + 80, SIZE[1] - 132), fill=palette.line, width=3)
    if can_write(shop):
        draw.text((_EDGE, SIZE[1] - 110), shop, fill=palette.accent, font=font(40))
