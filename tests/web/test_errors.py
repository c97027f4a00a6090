"""Domain errors and HTTP errors into answers: a readable page, or a part for htmx."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NoReturn
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from storefront.domain import errors
from storefront.domain.errors import ShopError
from storefront.process import Process
from storefront.web.errors import STATUS
from tests.support.client import readable


def kinds(of: type[ShopError] = ShopError) -> list[type[ShopError]]:
    return [one for sub in of.__subclasses__() for one in (sub, *kinds(sub))]


MADE: dict[type[ShopError], Callable[[], ShopError]] = {
    errors.CheckoutChanged: lambda: errors.CheckoutChanged([]),
    errors.ChangeRefused: lambda: errors.ChangeRefused(uuid4(), knows=False),
    errors.CommitUnknown: errors.CommitUnknown,
}
"""Those that are not made of words alone."""


def make(kind: type[ShopError]) -> ShopError:
    if kind in MADE:
        return MADE[kind]()
    if issubclass(kind, errors.StoreUnavailable):
        return kind("aurora")
    if issubclass(kind, errors.TooMuch):
        return kind("Words for the shopper <b>", 60)
    try:
        return kind("Words for the shopper <b>")
    except TypeError:
        return kind()


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_every_error_of_the_shop_has_an_answer(
    app: Flask, client: FlaskClient, kind: type[ShopError]
) -> None:
    def fails() -> NoReturn:
        raise make(kind)

    app.view_functions["lookup.show"] = fails
    assert any(issubclass(kind, base) for base, _ in STATUS), "it has a status in the table"
    expected = next(status for base, status in STATUS if issubclass(kind, base))
    page = client.get("/track")
    assert page.status_code == expected
    assert readable(page)
    assert "<b>" not in page.text
    if expected == 503:
        assert page.headers["Retry-After"]
    part = client.get("/track", headers={"HX-Request": "true"})
    assert part.status_code == expected
    assert "<html" not in part.text


def test_a_bug_is_a_500_that_tells_nothing(app: Flask, client: FlaskClient) -> None:
    def fails() -> NoReturn:
        raise ArithmeticError("secret words of the inside")

    app.view_functions["lookup.show"] = fails
    page = client.get("/track")
    assert page.status_code == 500
    assert readable(page)
    assert "secret words" not in page.text
    assert "Arithmetic" not in page.text


@pytest.mark.parametrize(
    "path", ["/no-such", "/products/no-such", "/.env", "/orders/../x", "/%2e%2e", "/\x7f"]
)
def test_what_is_not_there_is_a_readable_404(client: FlaskClient, path: str) -> None:
    page = client.get(path)
    assert page.status_code == 404
    assert readable(page)


def test_the_wrong_method_says_which_are_right(client: FlaskClient) -> None:
    page = client.get("/cart/items")
    assert page.status_code == 405
    assert set(page.headers["Allow"].replace(" ", "").split(",")) == {"POST", "OPTIONS"}
    assert readable(page)


def test_20_with_every_connection_taken_the_answer_is_a_readable_503_within_five_seconds(
    app: Flask, client: FlaskClient, process: Process
) -> None:
    """The error page has a header of departments, which it must do without then."""
    held = [process.engines.writer.connect() for _ in range(4)]
    try:
        started = time.monotonic()
        page = client.post("/cart/items", data={"sku": "x", "quantity": "1"})
        took = time.monotonic() - started
    finally:
        for one in held:
            one.close()
    assert page.status_code == 503
    assert int(page.headers["Retry-After"]) > 0
    assert readable(page)
    assert took < 5


def test_what_a_page_says_is_missing_is_not_said_to_be_the_page(client: FlaskClient) -> None:
    mistyped, unknown = client.get("/nothing").text, client.get(f"/orders/{uuid4()}").text
    assert "We can&#39;t find this page</h1>" in mistyped
    assert "this page</h1>" not in unknown
    assert "We can&#39;t find this order.</p>" in unknown
