"""Who is asking."""

from __future__ import annotations

import pytest
from flask import Flask, session

from storefront.web import shopper


def test_a_visitor_is_nobody_until_something_is_to_be_remembered(app: Flask) -> None:
    with app.test_request_context():
        assert shopper.known() is None
        who = shopper.identify()
        assert shopper.known() == who
        assert shopper.identify() == who
        assert session.permanent


@pytest.mark.parametrize("odd", ["", "x", 7, None, [], {"a": 1}])
def test_an_odd_session_is_nobodys(app: Flask, odd: object) -> None:
    with app.test_request_context():
        session["shopper"] = odd
        assert shopper.known() is None
