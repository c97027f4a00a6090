"""A catalogue of any size for the benches, the same each time, and of no real product."""

from __future__ import annotations

import csv
import random
from pathlib import Path

SYLLABLES = [first + second for first in "bdfgklmnprstv" for second in "aeio"]
HEADER = ("sku", "name", "description", "price_cents", "category", "image_url", "quantity")
DEPARTMENTS = 60
COMMON = 40
"""So many words stand in every tenth name or so; the others are rare."""


def words(count: int, seed: int = 1) -> list[str]:
    chance = random.Random(seed)
    found: dict[str, None] = {}
    while len(found) < count:
        found["".join(chance.choices(SYLLABLES, k=chance.randint(2, 4)))] = None
    return list(found)


def write(path: Path, products: int, seed: int = 1) -> None:
    """A file for ``storefront catalog import``."""
    chance = random.Random(seed)
    known = words(4_000)
    common, rare = known[:COMMON], known[COMMON:]
    departments = [word.capitalize() for word in known[-DEPARTMENTS:]]
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(HEADER)
        for number in range(products):
            name = f"{chance.choice(common)} {chance.choice(rare)} {chance.choice(rare)}".capitalize()
            about = " ".join(chance.choices(rare, k=12)).capitalize() + "."
            price, stock = chance.randrange(200, 20_000), chance.randrange(2_000)
            rows.writerow((f"B{number:07}", name, about, price, chance.choice(departments), "", stock))
