"""What would be promised if something were paid now."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache

from storefront.domain.delivery_calendar import DeliveryCalendar
from storefront.web.context import settings


@dataclass(frozen=True)
class Promise:
    """``country`` is the one it is for (ISO 3166-1 alpha-2), empty if all are promised the same day."""

    day: date
    country: str


def to(country: str, now: datetime) -> Promise:
    """What a parcel to this country would be promised; of one that is not served, or none, home's."""
    return _to(settings().calendar, country, now)


def _to(calendar: DeliveryCalendar, country: str, now: datetime) -> Promise:
    if not calendar.home:
        return Promise(calendar.promise(now, country), "")
    if not country or not calendar.serves(country):
        country = calendar.home
    return Promise(calendar.promise(now, country), country)


def at_home() -> Promise:
    """What pages say that are the same for every shopper."""
    return _at_home(settings().calendar, int(time.time() // 60))


@lru_cache(maxsize=8)
def _at_home(calendar: DeliveryCalendar, minute: int) -> Promise:
    """A promise changes with the hour at most."""
    return _to(calendar, "", datetime.fromtimestamp(60 * minute, UTC))
