"""How values read."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest
from flask import Flask, render_template_string

from storefront.config import Settings
from storefront.domain.addresses import PostalAddress
from storefront.formats import Formats
from storefront.mail.letters import Letters

ADA = {
    "DE": (
        PostalAddress("Ada Marsh", "Mühlweg 1", "Köln", "50667", "DE"),
        ["Mühlweg 1", "50667 Köln", "Germany"],
    ),
    "GB": (
        PostalAddress("Ada Marsh", "12 Mill Lane", "London", "SW1A 1AA", "GB", line2="Flat 2"),
        ["12 Mill Lane", "Flat 2", "London", "SW1A 1AA", "United Kingdom"],
    ),
    "US": (
        PostalAddress("Ada Marsh", "1 Main St", "Springfield", "62704", "US", region="IL"),
        ["1 Main St", "Springfield, IL 62704", "United States"],
    ),
    "JP": (
        PostalAddress("Ada Marsh", "1-2-3 Jingumae", "Shibuya-ku", "150-0001", "JP", region="Tokyo"),
        ["1-2-3 Jingumae", "Shibuya-ku, Tokyo", "150-0001", "Japan"],
    ),
}
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


# --- addresses


@pytest.mark.parametrize(("address", "lines"), ADA.values(), ids=ADA)
def test_an_address_reads_as_its_country_writes_it_on_page_and_mail(
    app: Flask, address: PostalAddress, lines: list[str]
) -> None:
    expected = ["Ada Marsh", *lines]
    with app.test_request_context():
        page = render_template_string(
            "{% from 'macros/address.html' import postal %}{{ postal(a) }}", a=address
        )
    assert re.sub(r"</?address[^>]*>", "", page).split("<br>") == expected
    templates = Letters(Settings())._templates
    order = SimpleNamespace(address=address)
    text = str(templates.get_template("mail/_parts.txt").module.address(order))  # type: ignore[attr-defined]  # a macro
    assert [line.strip() for line in text.strip().splitlines()] == ["Delivery to:", *expected]
    html = str(templates.get_template("mail/_parts.html").module.address(order))  # type: ignore[attr-defined]  # a macro
    assert "<br>".join(expected) in html


def test_an_address_in_its_own_letters_goes_from_the_large_to_the_small() -> None:
    address = PostalAddress("山田", "神宮前1-2-3", "渋谷区", "150-0001", "JP", region="東京都")
    assert formats().postal(address) == ["〒150-0001", "東京都", "渋谷区", "神宮前1-2-3", "山田", "Japan"]


def test_what_a_country_has_no_use_for_is_not_left_out() -> None:
    lines = formats().postal(PostalAddress("Ada", "Mühlweg 1", "Köln", "50667", "DE", region="NRW"))
    assert lines == ["Ada", "Mühlweg 1", "50667 Köln", "NRW", "Germany"]
    assert formats().postal(PostalAddress("Ada", "1 Main St", "Springfield", "62704", "US"))[2] == (
        "Springfield 62704"
    )
