"""Who buys, and where it goes."""

from __future__ import annotations

from dataclasses import dataclass


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
