"""Who buys, and where it goes."""

from __future__ import annotations

from dataclasses import dataclass

LENGTHS = {
    "name": 100,
    "line1": 200,
    "line2": 200,
    "city": 100,
    "region": 100,
    "zip": 20,
    "phone": 30,
}
"""Characters of each field at most; the country is a code."""


@dataclass(frozen=True)
class PostalAddress:
    """Where a parcel goes, as the shopper typed it. ``country`` is ISO 3166-1 alpha-2."""

    name: str
    line1: str
    city: str
    zip: str
    country: str
    line2: str = ""
    region: str = ""
    phone: str = ""
