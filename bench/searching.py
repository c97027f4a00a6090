"""Searches of the real catalogue that ``importing`` brought in: their time alone, and their CPU."""

from __future__ import annotations

import csv
import gzip
import random
from urllib.parse import urlencode

from bench.cost import Asked, cost
from bench.shop import REAL_CATALOG, Shop

EACH = 150
PRODUCTS = 20_000
"""Names of so many are looked at."""


def report(shop: Shop) -> str:
    if not REAL_CATALOG.exists():
        return "Search of a real catalogue: skipped, there is none beside this repository."
    pairs = _pairs()
    kinds = {
        "two words": pairs[:EACH],
        "a letter missing": [f"{a[:2]}{a[3:]} {b}" for a, b in (pair.split() for pair in pairs[EACH:])][
            :EACH
        ],
    }
    told = []
    for kind, typed in kinds.items():
        found = cost(shop.address, shop.web, [Asked(f"/products?{urlencode({'q': q})}") for q in typed])
        told.append(f"{kind} in {found.median_ms:.1f} ms and {found.micros:.0f} µs of web CPU")
    return f"Search of the real products, one after the other: {', '.join(told)}."


def _pairs() -> list[str]:
    """Two longer words of a name each, in a seeded order; of each name once."""
    with gzip.open(REAL_CATALOG, "rt", encoding="utf-8", newline="") as file:
        names = [row["name"] for _, row in zip(range(PRODUCTS), csv.DictReader(file), strict=False)]
    found = {
        " ".join(words[:2])
        for words in ([word for word in name.split() if word.isalpha() and len(word) > 4] for name in names)
        if len(words) > 1
    }
    pairs = sorted(found)
    random.Random(5).shuffle(pairs)
    return pairs
