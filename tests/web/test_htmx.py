"""Page or part: one helper decides."""

from __future__ import annotations

import pytest
from flask import Flask

from storefront.web import htmx


@pytest.mark.parametrize(
    ("headers", "part"),
    [
        ({}, False),
        ({"HX-Request": "true"}, True),
        ({"HX-Request": "true", "HX-Request-Type": "partial"}, True),
        ({"HX-Request": "true", "HX-Request-Type": "full"}, False),
        ({"HX-Request": "true", "HX-History-Restore-Request": "true"}, False),
        ({"HX-Request-Type": "partial"}, False),
    ],
)
def test_which_requests_want_a_part(app: Flask, headers: dict[str, str], part: bool) -> None:
    with app.test_request_context(headers=headers):
        assert htmx.wants_part() is part


def test_both_are_told_apart_by_caches(app: Flask) -> None:
    for headers in ({}, {"HX-Request": "true"}):
        with app.test_request_context(headers=headers):
            answer = htmx.render("orders/index.html", orders=[], older=None, guest=True)
            assert {"HX-Request", "HX-Request-Type"} <= set(answer.vary)


def test_going_elsewhere_is_a_303_and_for_htmx_a_navigation(app: Flask) -> None:
    with app.test_request_context():
        answer = htmx.go("/orders")
        assert (answer.status_code, answer.location) == (303, "/orders")
    with app.test_request_context(headers={"HX-Request": "true"}):
        answer = htmx.go("https://elsewhere.example/x")
        assert (answer.status_code, answer.headers["HX-Redirect"]) == (204, "https://elsewhere.example/x")
        assert answer.location is None
