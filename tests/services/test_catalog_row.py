"""One row of a catalogue file: nothing is guessed, and each column says what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest

from storefront.domain.money import MAX_CENTS
from storefront.services.catalog_row import BadRow, read_row, shown

GOOD = {"sku": "pot", "name": "Teapot", "price_cents": "1250"}


def test_a_column_that_the_file_does_not_have_leaves_what_is_there() -> None:
    row = read_row(2, GOOD)
    assert (row.line, row.sku, row.name, row.price_cents) == (2, "pot", "Teapot", 1250)
    assert (row.description, row.category, row.image_url, row.quantity) == (None, None, None, None)


def test_an_empty_quantity_is_none_and_zero_is_zero() -> None:
    assert read_row(1, {**GOOD, "quantity": ""}).quantity is None
    assert read_row(1, {**GOOD, "quantity": "0"}).quantity == 0


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("price_cents", "", "price_cents is empty"),
        ("price_cents", "12.50", "price_cents is not a whole number"),
        ("price_cents", "-1", "price_cents is not a whole number"),
        ("price_cents", "1٢", "price_cents is not a whole number"),
        ("price_cents", True, "price_cents is not a whole number"),
        ("price_cents", str(MAX_CENTS + 1), "price_cents is more than"),
        ("name", "  ", "name is empty"),
        ("name", "x" * 10_000, "name is longer than"),
        ("name", 7, "name is not a text"),
        ("sku", "a//b", "sku"),
        ("description", "a\x00b", "description holds a NUL character"),
        ("description", "\ud800", "description is not valid UTF-8"),
    ],
)
def test_what_is_wrong_is_said_by_column(column: str, value: Any, reason: str) -> None:
    with pytest.raises(BadRow, match=reason):
        read_row(1, {**GOOD, column: value})


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(BadRow, match="name is empty; price_cents is empty"):
        read_row(1, {"sku": "pot", "name": "", "price_cents": ""})


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "//evil/x.png", "/etc/passwd", "http://", "https://a b", "a/..", "a//b", "c:/x"],
)
def test_a_picture_that_is_no_address_is_dropped_and_the_row_is_kept(url: str) -> None:
    row = read_row(1, {**GOOD, "image_url": url})
    assert (row.image_url, row.picture_dropped) == ("", True)


@pytest.mark.parametrize("name", ["a.jpg", "photos/a.jpg", "Mörser 2.jpg", "..a"])
def test_a_photograph_is_asked_for_by_its_name(name: str) -> None:
    row = read_row(1, {**GOOD, "image_url": name})
    assert (row.image_url, row.picture_dropped) == (name, False)


@pytest.mark.parametrize(
    ("given", "kept", "dropped"),
    [
        (None, None, False),
        ("", "", False),
        (" a.jpg   photos/b.jpg\thttps://x.test/c ", "a.jpg photos/b.jpg https://x.test/c", False),
        ("a.jpg javascript:alert(1) //evil/x", "a.jpg", True),
    ],
)
def test_more_pictures_are_separated_by_spaces(given: str | None, kept: str | None, dropped: bool) -> None:
    row = read_row(1, GOOD if given is None else {**GOOD, "image_urls": given})
    assert (row.image_urls, row.picture_dropped) == (kept, dropped)


def test_a_bad_value_is_shown_without_what_would_spoil_the_file() -> None:
    assert shown("a\nb\x1b[31m") == "a\ufffdb\ufffd[31m"
    assert shown(None) == ""
    assert shown("x" * 10_000).endswith("x…")
