"""What shoppers see while a store is away: every page ends in time, and none of them lies."""

from __future__ import annotations

import re
import time
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from storefront.domain.orders import EventKind, OrderStatus
from storefront.domain.parcels import ParcelStatus
from storefront.domain.payments import PaymentStatus
from storefront.process import Process
from storefront.services import holds
from storefront.services.payments import paying_back
from storefront.stores import Stores
from tests.support.client import add, checkout, fields, ordered
from tests.support.concurrency import at_once, wait_until
from tests.support.factories import FORM, lapse, order, pay_page, product
from tests.support.proxy import Proxy
from tests.support.stripe_control import fault, refunds_of, sessions_of
from tests.support.worker import tell, work


@pytest.mark.parametrize("mode", ["refuse", "reset", "blackhole"])
def test_21_with_dynamodb_away_a_guest_shops_orders_and_tracks(
    stripe: str, proxy: Proxy, client: FlaskClient, stores: Stores, process: Process, mode: str
) -> None:
    sku = product(stores, price=1200)
    shipped = ordered(client, sku)
    pay_page(client.post(f"/orders/{shipped}/payment").location)
    client.get(f"/orders/{shipped}/return")
    work(process)
    tell(stores, shipped, ParcelStatus.IN_TRANSIT, message="Collected from the shop")
    work(process)

    proxy.order(mode)
    slowest = 0.0

    def timed(path: str) -> str:
        nonlocal slowest
        started = time.monotonic()
        answer = client.get(path)
        slowest = max(slowest, time.monotonic() - started)
        assert answer.status_code == 200, path
        return answer.text

    for path in ("/", "/products", f"/products/{sku}", "/cart"):
        timed(path)
    assert add(client, sku).status_code == 303
    placed = checkout(client)
    assert placed.status_code == 303
    assert "/c/pay/" in placed.location
    page = timed(f"/orders/{shipped}")
    assert "as of" in page
    assert "Collected from the shop" in page
    assert "not found" not in page.lower()
    assert 'data-status="shipped"' in page
    assert slowest < 5.5

    proxy.order("pass")
    wait_until(lambda: "as of" not in client.get(f"/orders/{shipped}").text)
    page = client.get(f"/orders/{shipped}").text
    assert "LF" in page


def test_21_a_payment_taken_while_dynamodb_is_away_is_shipped_once_when_it_is_back(
    stripe: str, proxy: Proxy, client: FlaskClient, stores: Stores, process: Process
) -> None:
    proxy.order("refuse")
    order_id = ordered(client, product(stores))
    pay_page(client.post(f"/orders/{order_id}/payment").location)
    client.get(f"/orders/{order_id}/return")
    work(process)
    assert 'data-status="paid"' in client.get(f"/orders/{order_id}").text
    proxy.order("pass")
    work(process, rounds=2)
    assert 'data-status="preparing"' in client.get(f"/orders/{order_id}").text
    kinds = [event.kind for event in stores.orders.view(order_id).events]
    assert kinds.count(EventKind.PREPARING) == 1


@pytest.mark.parametrize("action", ["drop_before", "drop_after", "status:500", "status:429", "delay:4"])
def test_4_place_order_when_stripe_fails_leads_to_the_order_and_the_next_try_pays_once(
    stripe: str, client: FlaskClient, stores: Stores, action: str
) -> None:
    add(client, product(stores))
    started = time.monotonic()
    with fault(stripe, "POST /v1/checkout/sessions", action, 4):
        placed = checkout(client)
    assert time.monotonic() - started < 6
    (row,) = stores.orders.newest(2)
    assert placed.location == f"/orders/{row.order_id}"
    again = client.post(f"/orders/{row.order_id}/payment")
    # While the slow first call is still running at Stripe, its key is in use.
    if (url := again.location) is None:
        url = wait_until(lambda: client.post(f"/orders/{row.order_id}/payment").location)
    pay_page(url)
    client.get(f"/orders/{row.order_id}/return")
    assert stores.orders.summary(row.order_id).status is OrderStatus.PAID
    assert len(sessions_of(stripe, row.order_id)) == 1


def test_15_a_double_click_on_place_order_is_one_order_and_one_page(
    stripe: str, client: FlaskClient, stores: Stores
) -> None:
    add(client, product(stores))
    form = {**FORM, **fields(client.get("/checkout"), "/checkout")}
    cookie = client.get_cookie("shop")
    assert cookie is not None

    def click() -> str:
        tab = client.application.test_client()
        tab.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
        tab.set_cookie("shop", cookie.value)
        return str(tab.post("/checkout", data=form).location)

    done = at_once(*[click] * 4)
    assert done.errors == []
    (row,) = stores.orders.newest(5)
    assert len(sessions_of(stripe, row.order_id)) == 1
    assert {one for one in done.results if "/c/pay/" in one} != set()


def test_13_paid_late_and_sold_out_the_shopper_is_told_and_the_money_goes_back_once(
    stripe: str, client: FlaskClient, stores: Stores, process: Process
) -> None:
    sku = product(stores, quantity=1)
    order_id = ordered(client, sku)
    pay_page(client.post(f"/orders/{order_id}/payment").location)
    lapse(stores, order_id)
    holds._expire(stores, [order_id])
    order(stores, sku)
    client.get(f"/orders/{order_id}/return")
    page = re.sub(r"\s+", " ", client.get(f"/orders/{order_id}").text)
    assert "Your money is going back" in page
    assert "gone to someone else" in page
    work(process, rounds=2)
    assert "Your money is back on its way" in client.get(f"/orders/{order_id}").text
    (session,) = sessions_of(stripe, order_id)
    assert [one["amount"] for one in refunds_of(stripe, session["payment_intent"])] == [1200]


def test_27_a_crash_between_deciding_a_refund_and_stripe_doing_it_is_finished_once(
    stripe: str, client: FlaskClient, stores: Stores, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = ordered(client, product(stores))
    pay_page(client.post(f"/orders/{order_id}/payment").location)
    client.get(f"/orders/{order_id}/return")
    client.post(f"/orders/{order_id}/cancellation")

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(paying_back, "record", dies)  # after Stripe did it, before we know
        with pytest.raises(KeyboardInterrupt):
            work(process)
    assert stores.orders.summary(order_id).payment_status is PaymentStatus.REFUNDING
    with stores.transaction():
        stores.order_queues.release([order_id])
    work(process, rounds=2)
    assert stores.orders.summary(order_id).payment_status is PaymentStatus.REFUNDED
    (session,) = sessions_of(stripe, order_id)
    assert len(refunds_of(stripe, session["payment_intent"])) == 1


def test_20_eight_requests_for_four_connections_all_end_in_time(
    stripe: str, client: FlaskClient, stores: Stores, process: Process
) -> None:
    """Two hold their connections; the others get by with what is left, or are told to come back."""
    sku = product(stores, quantity=100)
    held = [process.engines.writer.connect() for _ in range(3)]
    try:

        def shop() -> int:
            tab = client.application.test_client()
            tab.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
            return int(add(tab, sku).status_code)

        started = time.monotonic()
        done = at_once(*[shop] * 8)
        assert time.monotonic() - started < 6
    finally:
        for one in held:
            one.close()
    assert done.errors == []
    assert set(done.results) <= {303, 503}
    assert 303 in done.results


def test_10_an_order_nobody_came_back_to_is_settled_by_the_worker(
    stripe: str, client: FlaskClient, stores: Stores, process: Process
) -> None:
    order_id: UUID = ordered(client, product(stores))
    pay_page(client.post(f"/orders/{order_id}/payment").location)
    with stores.transaction():
        stores.db.session.execute(text("UPDATE orders SET created_at = created_at - interval '1 minute'"))
    work(process)
    assert 'data-status="preparing"' in client.get(f"/orders/{order_id}").text
