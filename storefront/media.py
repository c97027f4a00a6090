"""Pictures as pages show them: their addresses, and how wide each kind of place is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from storefront.config import Settings
from storefront.domain.pictures import Picture

# The widths of the places as the style sheet makes them, and the widest picture worth having there: phones
# show three pixels for each of the page's, but nobody sees more than two.
_CARD = "(min-width: 84rem) 18rem, (min-width: 62rem) 22vw, (min-width: 44rem) 29vw, 44vw"
_DOOR = "(min-width: 84rem) 24.5rem, (min-width: 44rem) 29vw, 44vw"
_BIG = "(min-width: 84rem) 40rem, (min-width: 52rem) 48vw, 91vw"
PLACES = {
    "": (_CARD, 1200),
    "door": (_DOOR, 1200),
    "big": (_BIG, 1600),
    "more": (_BIG, 1600),
    "line": ("7rem", 400),
    "small": ("4rem", 400),
}
"""By the kind of a tile: ``sizes``, and pixels."""
FALLBACK = 800
"""Pixels of the picture for whoever knows no ``srcset``, and for other sites that show one."""


@dataclass(frozen=True)
class Shown:
    """A ``<picture>``: sets of addresses by format, the address of one that any browser shows, its
    width and height in pixels, and the address of the widest."""

    avif: str
    webp: str
    sizes: str
    src: str
    width: int
    height: int
    colour: str
    widest: str


class Media:
    def __init__(self, settings: Settings) -> None:
        self._base = settings.media_url or "/media"

    @lru_cache(maxsize=8192)  # noqa: B019 - one an app, which lives as long as its process
    def shown(self, told: str, kind: str = "") -> Shown | None:
        """What ``products.picture`` tells of, for a tile of this kind; None if it tells of no picture."""
        picture = Picture.read(told)
        if picture is None:
            return None
        sizes, most = PLACES[kind]
        widths = [width for width in picture.widths if width <= most] or [picture.widths[0]]
        one = max((width for width in widths if width <= FALLBACK), default=widths[0])
        return Shown(
            avif=self._set(picture, widths, "avif"),
            webp=self._set(picture, widths, "webp"),
            sizes=sizes if len(widths) > 1 else "",
            src=self._address(picture, one, "webp"),
            width=one,
            height=picture.height_at(one),
            colour=picture.colour,
            widest=self._address(picture, picture.widths[-1], "webp"),
        )

    def _set(self, picture: Picture, widths: list[int], ending: str) -> str:
        if len(widths) == 1:
            return self._address(picture, widths[0], ending)
        return ", ".join(f"{self._address(picture, width, ending)} {width}w" for width in widths)

    def _address(self, picture: Picture, width: int, ending: str) -> str:
        return f"{self._base}/{picture.file_name(width, ending)}"
