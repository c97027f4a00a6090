"""How values read."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from storefront.config import Settings
from storefront.formats import Formats

AT = datetime(2026, 11, 22, 14, 2, tzinfo=UTC)


def formats(**changes: object) -> Formats:
    return Formats(Settings(**changes))  # type: ignore[arg-type]


def test_money_reads_as_the_locale_writes_it() -> None:
    assert formats().money(4210) == "$42.10"
    assert formats().money(0) == "$0.00"
    assert formats().money(99_999_999) == "$999,999.99"
    assert formats(locale="de_DE", currency="EUR").money(123456) == "1.234,56\N{NO-BREAK SPACE}€"


@pytest.mark.parametrize("cents", [1, 29, 57, 115, 1005, 4_015, 99_999_995])
def test_no_cent_is_lost_on_the_way(cents: int) -> None:
    assert formats().money(cents).replace("$", "").replace(",", "").replace(".", "").lstrip("0") == str(cents)


def test_times_carry_their_zone() -> None:
    assert "22 Nov 2026, 14:02 UTC" in formats().when(AT)
    assert 'datetime="2026-11-22T14:02:00+00:00"' in formats().when(AT)
    assert "15:02 CET" in formats(timezone="Europe/Berlin").clock(AT)


def test_a_day_is_the_day_in_the_shops_zone() -> None:
    late = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    assert formats().day(late) == "Tue 24 Nov"
    assert formats(timezone="Asia/Tokyo").day(late) == "Wed 25 Nov"
    assert formats().day(date(2026, 11, 24)) == "Tue 24 Nov"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("/static/a.webp", True),
        ("https://pictures.example/a.jpg", True),
        ("https://elsewhere.example/a.jpg", False),
        ("https://pictures.example.evil.example/a.jpg", False),
        ("https://user@elsewhere.example/pictures.example", False),
        ("javascript:alert(1)", False),
        ("data:image/png;base64,AA", False),
        ("//elsewhere.example/a.jpg", False),
        ("http://[", False),
        ("http://pictures.example/a.jpg", False),
        ("", False),
    ],
)
def test_only_pictures_of_named_hosts_are_shown(url: str, shown: bool) -> None:
    assert formats(image_hosts="pictures.example, cdn.example").picture(url) == (url if shown else "")
