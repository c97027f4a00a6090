"""Who is asking."""

from __future__ import annotations

import time
from uuid import UUID, uuid4

import pytest
from flask import Flask, session

from storefront.domain.errors import NotFound
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


def test_a_key_shows_its_order_until_its_time(app: Flask) -> None:
    order_id, other = uuid4(), uuid4()
    now = int(time.time())
    with app.test_request_context():
        good = shopper.view_key(order_id, now + 60)
        assert shopper.view_key(order_id, now + 60) == good, "a repeated call to Stripe must say the same"
        shopper.use_key(order_id, good)
        assert order_id.hex in session["sees"]
        for wrong in (
            shopper.view_key(order_id, now - 1),
            shopper.view_key(other, now + 60),
            good + "x",
            "",
            "é\x00",
        ):
            with pytest.raises(NotFound):
                shopper.use_key(order_id, wrong)


def test_a_key_of_another_shops_secret_shows_nothing(app: Flask) -> None:
    from itsdangerous import URLSafeSerializer

    order_id = uuid4()
    forged = URLSafeSerializer("another secret", salt="order-link").dumps([order_id.hex, 10**10])
    session_like = URLSafeSerializer(app.config["SECRET_KEY"], salt="another purpose").dumps(
        [order_id.hex, 10**10]
    )
    with app.test_request_context():
        for key in (forged, session_like):
            with pytest.raises(NotFound):
                shopper.use_key(order_id, str(key))


def test_a_browser_remembers_the_latest_links_only(app: Flask) -> None:
    ids = [uuid4() for _ in range(shopper.MOST_GRANTS + 5)]
    with app.test_request_context():
        for order_id in ids:
            shopper.let_see(order_id)
        shopper.let_see(ids[-1])
        assert len(session["sees"]) == shopper.MOST_GRANTS
        assert session["sees"][-1] == ids[-1].hex
        assert ids[0].hex not in session["sees"]


def test_seeing_is_not_changing(app: Flask) -> None:
    class Somebodys:
        order_id = uuid4()
        user_id: UUID = uuid4()

    with app.test_request_context():
        shopper.let_see(Somebodys.order_id)
        shopper.require_sight(Somebodys)  # type: ignore[arg-type]
        with pytest.raises(NotFound):
            shopper.require_owner(Somebodys)  # type: ignore[arg-type]
        shopper.let_change(Somebodys.order_id)
        shopper.require_owner(Somebodys)  # type: ignore[arg-type]
