"""The promise: on which day a parcel will be there that is paid for now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo

WORKING_DAYS = 3
"""What every country is promised where nobody said otherwise."""

NO_CUT_OFF = 24


@dataclass(frozen=True, eq=False)
class DeliveryCalendar:
    """The days on which the shop packs and carriers go, and how many of them a parcel needs.

    Days are those of ``zone``, the shop's. Saturdays, Sundays and ``holidays`` are no working days. What is
    paid before ``cut_off_hour`` on a working day is handed over that day, all else on the next one; it is
    there so many working days later as ``working_days`` says for its country, or else ``default``. A country
    that has neither is not served. ``home`` is the country that pages speak of while they don't know the
    shopper's, as an ISO 3166-1 alpha-2 code; empty if that makes no difference.
    """

    zone: tzinfo
    home: str = ""
    cut_off_hour: int = NO_CUT_OFF
    holidays: frozenset[date] = frozenset()
    working_days: Mapping[str, int] = field(default_factory=dict)
    default: int | None = WORKING_DAYS

    def serves(self, country: str) -> bool:
        return self._needed(country) is not None

    def promise(self, paid_at: datetime, country: str) -> date:
        """The day a parcel to ``country`` will be there if it is paid at ``paid_at``.

        An order that was paid must be given a day even if its country is not served any more: that of the
        country which takes the longest.
        """
        needed = self._needed(country)
        if needed is None:
            needed = max(self.working_days.values(), default=WORKING_DAYS)
        day = self._handed_over(paid_at)
        for _ in range(needed):
            day = self._next_working_day(day)
        return day

    def _needed(self, country: str) -> int | None:
        return self.working_days.get(country, self.default)

    def _handed_over(self, paid_at: datetime) -> date:
        local = paid_at.astimezone(self.zone)
        if local.hour < self.cut_off_hour and self._works(local.date()):
            return local.date()
        return self._next_working_day(local.date())

    def _next_working_day(self, day: date) -> date:
        day += timedelta(days=1)
        while not self._works(day):
            day += timedelta(days=1)
        return day

    def _works(self, day: date) -> bool:
        return day.weekday() < 5 and day not in self.holidays
