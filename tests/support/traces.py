"""Finds what is left of one brand in what a shop of another answers."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

from storefront.brand.colours import Pair
from storefront.brand.folder import Brand, read

LEAST = 12
"""Shorter texts are words that any shop may use."""
COLOUR = re.compile(r"#[0-9a-f]{6}\b")


def of(folder: Path) -> frozenset[str]:
    """All texts, colours and outlines of a brand, each long enough to be its own; lower case."""
    brand = read(folder)
    words = {one for one in _strings(tomllib.loads((folder / "brand.toml").read_text())) if len(one) >= LEAST}
    for path in folder.glob("*.md"):
        passages = re.split(r"\n+|(?<=[.:;])\s", re.sub(r"[*`]|\]\(.*?\)|\[|^[-#1. ]+", "", path.read_text()))
        words |= {one.strip() for one in passages if len(one.strip()) >= LEAST and "{" not in one}
    drawn: set[str] = set()
    for path in folder.glob("*.svg"):
        drawn |= set(COLOUR.findall(path.read_text()))
        drawn |= {one for e in ElementTree.parse(path).iter() if len(one := e.get("d", "")) >= LEAST}
    names = {brand.words.name, brand.words.carrier}
    return frozenset(one.lower() for one in words | drawn | names | set(_colours(brand)))


def _strings(told: object) -> Iterator[str]:
    if isinstance(told, dict):
        # Colours have their own writing; a department is the catalogue's word.
        for part in (told[key] for key in told if key not in ("colours", "departments")):
            yield from _strings(part)
    elif isinstance(told, list):
        yield from (one for part in told for one in _strings(part))
    elif isinstance(told, str):
        yield told


def _colours(brand: Brand) -> Iterator[str]:
    pairs: list[Pair] = list(brand.words.colours.root.values())
    for colour in (one for pair in pairs for one in (pair.light, pair.dark)):
        yield colour.css
        yield colour.hex


def left(traces: frozenset[str], text: str) -> list[str]:
    """Those that the text holds, however it breaks its lines."""
    flat = " ".join(text.lower().replace("&amp;", "&").split())
    return sorted(one for one in traces if one in flat)
