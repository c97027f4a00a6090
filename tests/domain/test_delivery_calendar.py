"""The promise: cut-off hour, working days, holidays and countries."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storefront.domain.delivery_calendar import DeliveryCalendar

BERLIN = ZoneInfo("Europe/Berlin")
PLAIN = DeliveryCalendar(UTC)
SHOP = DeliveryCalendar(
    BERLIN,
    home="DE",
    cut_off_hour=14,
    holidays=frozenset({date(2026, 12, 25), date(2026, 12, 26), date(2027, 1, 1)}),
    working_days={"DE": 1, "FR": 3, "AQ": 0},
    default=None,
)


def at(day: str, time: str = "10:00", zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("paid", "arrives"),
    [
        ("2026-11-16", "2026-11-19"),  # Monday
        ("2026-11-20", "2026-11-25"),  # Friday
        ("2026-11-21", "2026-11-26"),  # Saturday: handed over on Monday
        ("2026-11-22", "2026-11-26"),
        ("2026-11-23", "2026-11-26"),
    ],
)
def test_without_a_file_every_country_gets_three_working_days(paid: str, arrives: str) -> None:
    for country in ("US", "DE", ""):
        assert PLAIN.serves(country)
        assert PLAIN.promise(at(paid), country) == date.fromisoformat(arrives)


@pytest.mark.parametrize(
    ("paid", "country", "arrives"),
    [
        (at("2026-11-16", "13:59:59"), "DE", "2026-11-17"),
        (at("2026-11-16", "14:00"), "DE", "2026-11-18"),
        (at("2026-11-20", "14:00"), "DE", "2026-11-24"),  # Friday, too late: Monday, then Tuesday
        (at("2026-11-20", "14:00"), "FR", "2026-11-26"),
        (at("2026-11-16"), "AQ", "2026-11-16"),
        (at("2026-12-24", "15:00"), "DE", "2026-12-29"),  # Friday is Christmas
        (at("2026-12-24", "09:00"), "DE", "2026-12-28"),
        (at("2026-12-31", "09:00"), "DE", "2027-01-04"),
    ],
)
def test_cut_off_holidays_and_countries(paid: datetime, country: str, arrives: str) -> None:
    assert SHOP.promise(paid, country) == date.fromisoformat(arrives)


def test_the_hour_is_that_of_the_shops_time_zone() -> None:
    assert SHOP.promise(datetime(2026, 11, 16, 12, 59, tzinfo=UTC), "DE") == date(2026, 11, 17)
    assert SHOP.promise(datetime(2026, 11, 16, 13, 0, tzinfo=UTC), "DE") == date(2026, 11, 18)
    # In summer, an hour earlier by UTC.
    assert SHOP.promise(datetime(2026, 7, 13, 12, 0, tzinfo=UTC), "DE") == date(2026, 7, 15)


def test_a_country_without_days_is_served_only_by_a_default() -> None:
    assert not SHOP.serves("US")
    assert DeliveryCalendar(UTC, working_days={"DE": 1}, default=9).serves("US")


def test_an_order_paid_for_a_country_that_is_not_served_any_more_gets_the_longest_way() -> None:
    assert SHOP.promise(at("2026-11-16"), "US") == SHOP.promise(at("2026-11-16"), "FR")


@given(
    st.integers(0, 2 * 365 * 24 * 60),
    st.timedeltas(timedelta(0), timedelta(days=9)),
    st.integers(0, 24),
    st.sampled_from(["DE", "FR", "AQ"]),
)
def test_who_pays_later_is_never_promised_an_earlier_day(
    minutes: int, later: timedelta, cut_off: int, country: str
) -> None:
    calendar = DeliveryCalendar(UTC, "DE", cut_off, SHOP.holidays, SHOP.working_days, None)
    first = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    promised = calendar.promise(first, country)
    assert promised <= calendar.promise(first + later, country)
    assert promised >= first.date()
    assert promised.weekday() < 5
    assert promised not in SHOP.holidays
