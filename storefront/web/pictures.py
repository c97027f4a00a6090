"""Addresses of the pictures that the shop draws. No stranger can have one drawn of words of their own: an
address is signed, or names a product."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Protocol
from urllib.parse import quote

from flask import Flask, current_app

from storefront.config import Settings
from storefront.drawing.tile import HUES, LABELS, Tile
from storefront.formats import Formats
from storefront.media import Media
from storefront.web.filters import PATH, pick

_LOOK = "1"
"""Another number for another look: what was drawn is kept for ever under its address."""
_DRAWING = re.compile(r"([0-7])([0-3])([0-9a-f]{1,6})-([0-9a-f]{16})")


class Named(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def category(self) -> str: ...


class Pictured(Named, Protocol):
    @property
    def image_url(self) -> str: ...
    @property
    def picture(self) -> str: ...


class Sold(Named, Protocol):
    @property
    def sku(self) -> str: ...


class Pictures:
    """Makes and reads addresses, with the shop's keys, name and colours."""

    def __init__(self, settings: Settings) -> None:
        self._keys = settings.signing_keys
        self._base_url = settings.base_url
        self._formats, self._media = Formats(settings), Media(settings)
        self.shop, self.line = settings.shop_name, settings.house.words.line
        self.palette = settings.house.words.colours.palette

    def picture(self, product: Pictured) -> str:
        """The address of a product's picture for those who show no SVG: portals, networks."""
        made = self._media.shown(product.picture, "big")
        own = made.src if made else self._formats.picture(product.image_url)
        return own if own and not own.lower().endswith(".svg") else self.drawn(product)

    def full(self, address: str) -> str:
        """An address that others can follow."""
        return self._base_url + address if address.startswith("/") else address

    def drawn(self, product: Named) -> str:
        """The path of the drawn picture of a product."""
        tile = tile_of(product)
        told = f"{tile.tint}{tile.label}{ord(tile.letter):x}"
        return f"/pictures/drawn-{told}-{_sign(self._keys[-1], told)}.png"

    def read(self, drawing: str) -> Tile | None:
        """What an address of ours asks for; None of any other."""
        found = _DRAWING.fullmatch(drawing)
        if not found:
            return None
        told = drawing.partition("-")[0]
        if not any(hmac.compare_digest(_sign(key, told), found[4]) for key in self._keys):
            return None
        return Tile(int(found[1]), int(found[2]), chr(int(found[3], 16)))

    def social(self, product: Sold) -> str:
        """The path of what others show of a product; another one once it would look otherwise."""
        return f"/pictures/social-{self.version(product)}/{quote(product.sku, safe=PATH)}.png"

    def version(self, product: Named) -> str:
        told = "\0".join((_LOOK, self.shop, repr(self.palette), product.category, product.name))
        return hashlib.sha256(told.encode()).hexdigest()[:12]


def tile_of(product: Named) -> Tile:
    """As ``tile`` of templates/macros/product.html draws it."""
    letter = product.name[:1].upper()[:1]
    return Tile(pick(product.category or product.name, len(HUES)), pick(product.name, LABELS), letter)


def _sign(key: str, told: str) -> str:
    return hmac.new(key.encode(), f"drawn {_LOOK} {told}".encode(), hashlib.sha256).hexdigest()[:16]


def pictures() -> Pictures:
    made: Pictures = current_app.extensions["pictures"]
    return made


def register(app: Flask, settings: Settings) -> None:
    made = app.extensions["pictures"] = Pictures(settings)
    app.add_template_filter(made.social, "social_picture")
