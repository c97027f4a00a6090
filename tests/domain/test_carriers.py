"""Where a parcel is followed at its carrier's own."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storefront.domain import carriers
from storefront.domain.carriers import tracking_page


@pytest.mark.parametrize("name", ["UPS", "ups", " U.P.S. ", "United Parcel Service"])
def test_a_well_known_carrier_is_known_however_it_is_written(name: str) -> None:
    assert tracking_page(name, "1Z 999 AA1") == "https://www.ups.com/track?tracknum=1Z999AA1"


@pytest.mark.parametrize("name", ["Larkfield Post", "", "Upsala Bud", "https://evil.example", "DHL or so"])
def test_an_unknown_carrier_has_no_page(name: str) -> None:
    assert tracking_page(name, "1Z999AA1") == ""


def test_no_code_no_page() -> None:
    assert tracking_page("UPS", " \t") == ""


@pytest.mark.parametrize("name", sorted(carriers._PAGES.keys() | carriers._ALSO.keys()))
def test_every_page_is_reached_over_tls_and_holds_the_code(name: str) -> None:
    page = urlsplit(tracking_page(name, "AB123"))
    assert page.scheme == "https"
    assert "AB123" in page.path + page.query + page.fragment


@given(st.sampled_from(sorted(carriers._PAGES)), st.text(min_size=1))
def test_no_code_leads_anywhere_else(name: str, code: str) -> None:
    """A code comes from outside: it must stay one value of the carrier's address."""
    page, plain = tracking_page(name, code), tracking_page(name, "X")
    if page:
        assert urlsplit(page).netloc == urlsplit(plain).netloc
        assert not set(page.removeprefix(plain.partition("X")[0])) & set("/?#&=<>\"' ") - set(
            plain.partition("X")[2]
        )
