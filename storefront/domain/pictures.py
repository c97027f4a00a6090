"""Pictures made of a product's photograph: what they are called, and in which widths there are some."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Self

WIDTHS = (400, 800, 1200, 1600)
"""Pixels. None is wider than the photograph."""
WIDTH_MORE = 1.2
"""A photograph's own width is one more of them if it is so many times the widest."""
TYPES = {"avif": "image/avif", "webp": "image/webp"}
"""The formats by the endings of their names."""
CACHE_CONTROL = "public, max-age=31536000, immutable"
"""A name stands for one content for ever."""

FILE_NAME = re.compile(r"[0-9a-f]{20}-[1-9][0-9]{0,3}\.(avif|webp)")
_TOLD = re.compile(r"([0-9a-f]{20})-([1-9][0-9]{0,7})x([1-9][0-9]{0,7})(?:-([0-9a-f]{6}))?")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:")


@dataclass(frozen=True)
class Picture:
    """What ``products.picture`` tells: ``picture_id`` names the content, ``width`` and ``height`` are the
    photograph's in pixels, the right way up, ``colour`` is its commonest as six hexadecimal digits, or
    nothing where one sees through it.
    """

    picture_id: str
    width: int
    height: int
    colour: str = ""

    @classmethod
    @lru_cache(maxsize=8192)
    def read(cls, told: str) -> Self | None:
        """None for an empty text and for one that a later version of the shop may have written."""
        found = _TOLD.fullmatch(told)
        return cls(found[1], int(found[2]), int(found[3]), found[4] or "") if found else None

    def __str__(self) -> str:
        colour = f"-{self.colour}" if self.colour else ""
        return f"{self.picture_id}-{self.width}x{self.height}{colour}"

    @property
    def widths(self) -> tuple[int, ...]:
        """Of the pictures there are, in pixels, ascending."""
        made = tuple(width for width in WIDTHS if width <= self.width)
        own = min(self.width, WIDTHS[-1])
        return made if made and own < WIDTH_MORE * made[-1] else (*made, own)

    def height_at(self, width: int) -> int:
        return max(1, round(self.height * width / self.width))

    def file_name(self, width: int, ending: str) -> str:
        return f"{self.picture_id}-{width}.{ending}"

    def files(self) -> Iterator[tuple[str, int, str]]:
        """Name, width and ending of every file, the widest first."""
        for width in reversed(self.widths):
            for ending in TYPES:
                yield self.file_name(width, ending), width, ending


def source_name(image_url: str) -> str:
    """The name of the photograph that a product's ``image_url`` asks for: its last part, unless it leads to
    another host."""
    return "" if _SCHEME.match(image_url) else image_url.rpartition("/")[2]
