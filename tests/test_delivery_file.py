"""What an owner may write into the delivery file, and what is refused with its place."""

from __future__ import annotations

from datetime import UTC, date
from pathlib import Path

import pytest
from pydantic import ValidationError

from storefront import delivery_file
from storefront.config import Settings
from storefront.domain.delivery_calendar import DeliveryCalendar

GOOD = """
home = "US"
cut_off_hour = 14
holidays = [2026-12-25, "2027-01-01"]
[working_days]
US = 2
CA = 5
default = 8
"""


def read(tmp_path: Path, text: str) -> DeliveryCalendar:
    path = tmp_path / "delivery.toml"
    path.write_text(text)
    return delivery_file.read(path, UTC)


def test_what_the_file_says_is_what_is_promised(tmp_path: Path) -> None:
    calendar = read(tmp_path, GOOD)
    assert (calendar.home, calendar.cut_off_hour, calendar.default) == ("US", 14, 8)
    assert calendar.working_days == {"US": 2, "CA": 5}
    assert calendar.holidays == {date(2026, 12, 25), date(2027, 1, 1)}
    assert calendar.serves("NZ")
    assert not read(tmp_path, GOOD.replace("default = 8", "")).serves("NZ")


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('"US"', '"us"', "home"),
        ('home = "US"', "", "home"),
        ("14", "25", "cut_off_hour"),
        ("14", "14.5", "cut_off_hour"),
        ("14", "true", "cut_off_hour"),
        ("2026-12-25", "2026", "holidays.0"),
        ("2026-12-25", '"25 December"', "holidays.0"),
        ("US = 2", "USA = 2", "working_days.USA"),
        ("US = 2", 'US = "2"', "working_days.US"),
        ("US = 2", "US = -1", "working_days.US"),
        ("US = 2", "US = 91", "working_days.US"),
        ("US = 2\nCA = 5\ndefault = 8", "CA = 5", "neither US"),
        ("US = 2\nCA = 5\ndefault = 8", "", "working_days"),
        ("cut_off_hour", "cutoff_hour", "cutoff_hour"),
        ("[working_days]", "[working_days", "line 5"),
    ],
)
def test_a_bad_file_is_refused_with_its_name_and_the_place(
    tmp_path: Path, before: str, after: str, words: str
) -> None:
    assert before in GOOD
    with pytest.raises(delivery_file.BadDeliveryFile) as refused:
        read(tmp_path, GOOD.replace(before, after))
    assert "delivery.toml: " in str(refused.value)
    assert words in str(refused.value)


def test_the_settings_refuse_a_file_that_is_not_there(tmp_path: Path) -> None:
    missing = tmp_path / "gone.toml"
    with pytest.raises(ValidationError, match=r"gone\.toml"):
        Settings(delivery_file=str(missing))
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ValidationError, match=r"bytes\.toml"):
        Settings(delivery_file=str(tmp_path / "bytes.toml"))


def test_the_calendar_is_that_of_the_settings_time_zone(tmp_path: Path) -> None:
    (tmp_path / "delivery.toml").write_text(GOOD)
    calendar = Settings(delivery_file=str(tmp_path / "delivery.toml"), timezone="Asia/Tokyo").calendar
    assert str(calendar.zone) == "Asia/Tokyo"
    assert Settings().calendar.serves("AQ")
