"""What would be promised if something were paid now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from storefront.web.context import settings


@dataclass(frozen=True)
class Promise:
    """``country`` is the one it is for (ISO 3166-1 alpha-2), empty if all are promised the same day."""

    day: date
    country: str


def to(country: str, now: datetime) -> Promise:
    """What a parcel to this country would be promised; of one that is not served, or none, home's."""
    calendar = settings().calendar
    if not calendar.home:
        return Promise(calendar.promise(now, country), "")
    if not country or not calendar.serves(country):
        country = calendar.home
    return Promise(calendar.promise(now, country), country)


def at_home() -> Promise:
    """What pages say that are the same for every shopper."""
    return to("", datetime.now(UTC))
