"""What a browser may do with an order."""

from __future__ import annotations

import time
from uuid import uuid4

import pytest
import time_machine
from flask import Flask, session
from itsdangerous import URLSafeSerializer

from storefront.domain.errors import ChangeRefused, NotFound
from storefront.domain.order_views import OrderSummary
from storefront.stores import Stores
from storefront.web import order_access
from storefront.web.order_access import Access
from tests.support.factories import order


@pytest.fixture
def somebodys(stores: Stores) -> OrderSummary:
    return stores.orders.summary(order(stores))


def test_a_key_shows_its_order_until_its_time(app: Flask) -> None:
    order_id, other = uuid4(), uuid4()
    now = int(time.time())
    with app.test_request_context():
        good = order_access.view_key(order_id, now + 60)
        assert order_access.view_key(order_id, now + 60) == good, (
            "a repeated call to Stripe must say the same"
        )
        order_access.use_key(order_id, good)
        assert order_id.hex in session["sees"]
        for wrong in (
            order_access.view_key(order_id, now - 1),
            order_access.view_key(other, now + 60),
            good + "x",
            "",
            "é\x00",
        ):
            with pytest.raises(NotFound):
                order_access.use_key(order_id, wrong)


def test_a_key_of_another_shops_secret_shows_nothing(app: Flask) -> None:
    order_id = uuid4()
    forged = URLSafeSerializer("another secret", salt="order-link").dumps([order_id.hex, 10**10])
    session_like = URLSafeSerializer(app.config["SECRET_KEY"], salt="another purpose").dumps(
        [order_id.hex, 10**10]
    )
    with app.test_request_context():
        for key in (forged, session_like):
            with pytest.raises(NotFound):
                order_access.use_key(order_id, str(key))


def test_a_browser_remembers_the_latest_links_only(app: Flask) -> None:
    ids = [uuid4() for _ in range(order_access.MOST_GRANTS + 5)]
    with app.test_request_context():
        for order_id in ids:
            order_access._grant("sees", order_id)
        order_access._grant("sees", ids[-1])
        assert len(session["sees"]) == order_access.MOST_GRANTS
        assert session["sees"][-1] == ids[-1].hex
        assert ids[0].hex not in session["sees"]


def test_each_access_lets_one_do_so_much_and_no_more(app: Flask, somebodys: OrderSummary) -> None:
    order_id = somebodys.order_id
    with app.test_request_context():
        with pytest.raises(NotFound):
            order_access.require(somebodys, Access.SEES)
        order_access.use_key(order_id, order_access.view_key(order_id, 10**10))
        assert order_access.of(somebodys) is Access.SEES
        with pytest.raises(ChangeRefused):
            order_access.require(somebodys, Access.KNOWS)
        order_access.let_know(order_id)
        assert order_access.of(somebodys) is Access.KNOWS
        with pytest.raises(ChangeRefused):
            order_access.require(somebodys, Access.CHANGES)
        order_access.let_change(order_id)
        order_access.require(somebodys, Access.CHANGES)


def test_a_one_time_link_lets_one_change_for_an_hour(app: Flask, somebodys: OrderSummary) -> None:
    now = time.time()
    with app.test_request_context():
        order_access.let_change(somebodys.order_id)
        with time_machine.travel(now + 3590):
            assert order_access.of(somebodys) is Access.CHANGES
        with time_machine.travel(now + 3610):
            assert order_access.of(somebodys) is Access.KNOWS


def test_what_a_guest_placed_can_be_changed_after_signing_in(app: Flask, somebodys: OrderSummary) -> None:
    with app.test_request_context():
        order_access.keep_placed(somebodys.order_id)
        assert order_access.of(somebodys) is Access.CHANGES
        assert session.permanent


def test_what_an_older_session_holds_gives_nothing_away(app: Flask, somebodys: OrderSummary) -> None:
    with app.test_request_context():
        session["may"] = [somebodys.order_id.hex]
        assert order_access.of(somebodys) is Access.NONE
