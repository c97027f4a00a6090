"""The last unit, wanted by fifty at once over HTTP."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Thread
from uuid import UUID

import pytest
import requests
from flask import Flask
from sqlalchemy import text
from werkzeug.serving import make_server

from storefront.repositories.aurora.orders import Orders
from storefront.stores import Stores
from tests.support.factories import FORM, product

pytestmark = pytest.mark.alone

SHOPPERS = 50


@contextmanager
def served(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Shopper:
    def __init__(self, shop: str, sku: str) -> None:
        self._shop = shop
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Sec-Fetch-Site"] = "same-origin"
        self._session.post(f"{shop}/cart/items", data={"sku": sku, "quantity": "1"}, timeout=30)
        page = self._session.get(f"{shop}/checkout", timeout=30).text
        self._hidden = {name: _hidden(page, name) for name in ("cart_id", "seen")}

    def place(self, start: Barrier) -> int:
        start.wait(30)
        for _ in range(20):
            answer = self._session.post(
                f"{self._shop}/checkout", data={**FORM, **self._hidden}, timeout=30, allow_redirects=False
            )
            if answer.status_code != 503:
                break
            # Fifty at four connections: who waits too long for one is told to come again, and does.
            assert answer.headers["Retry-After"]
        return answer.status_code


def _hidden(page: str, name: str) -> str:
    field = re.search(rf'<input[^>]*name="{name}"[^>]*>', page)
    assert field is not None, page
    value = re.search(r'value="([^"]*)"', field[0])
    assert value is not None
    return value[1]


def rush(app: Flask, sku: str) -> Counter[int]:
    """Fifty shoppers, each with the product in the cart and the checkout open, place their orders at once."""
    # They share an address here, and its limit lets one through at a time: the last unit shall be fought for.
    app.extensions["storefront"].settings.holds_per_address = 0
    with served(app) as shop, ThreadPoolExecutor(SHOPPERS) as pool:
        shoppers = [Shopper(shop, sku) for _ in range(SHOPPERS)]
        start = Barrier(SHOPPERS)
        return Counter(pool.map(lambda shopper: shopper.place(start), shoppers))


def sold(stores: Stores) -> int:
    return int(stores.db.rows(text("SELECT count(*) FROM orders WHERE status = 'pending'"))[0][0])


def test_the_last_unit_is_sold_once(app: Flask, stores: Stores, stripe: str) -> None:
    sku = product(stores, quantity=1)
    answers = rush(app, sku)
    assert answers == {303: 1, 409: SHOPPERS - 1}
    assert sold(stores) == 1
    assert stores.stock.level(sku).reserved == 1


def _reserve_without_guard(self: Orders, cart_id: UUID) -> bool:
    """What ``reserve`` would be without its lock: look, then take."""
    session = self._db.session
    rows = session.execute(
        text(
            "SELECT i.sku, i.qty, s.reserved, s.quantity - s.reserved >= i.qty AS ok"
            " FROM stock s JOIN cart_items i USING (sku) WHERE i.cart_id = :cart"
        ),
        {"cart": cart_id},
    ).all()
    if not all(row.ok for row in rows):
        return False
    # Long enough for the others to look as well: every checkout of the rush is at this point by then.
    session.execute(text("SELECT pg_sleep(0.2)"))
    for row in rows:
        session.execute(
            text("UPDATE stock SET reserved = :reserved WHERE sku = :sku"),
            {"reserved": row.reserved + row.qty, "sku": row.sku},
        )
    return True


def test_without_the_guard_the_race_is_seen(
    app: Flask, stores: Stores, stripe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = product(stores, quantity=1)
    monkeypatch.setattr(Orders, "reserve", _reserve_without_guard)
    answers = rush(app, sku)
    assert answers[303] > 1
    assert sold(stores) == answers[303]
    with stores.transaction():
        # What was oversold must not stay for the audit of a test that comes after.
        stores.db.session.execute(
            text("TRUNCATE orders, payments, order_events, carts, cart_items, stock, products CASCADE")
        )
