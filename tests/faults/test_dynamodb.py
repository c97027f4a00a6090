"""Fault 21: DynamoDB throttled, slow, cut off or away. Orders go on, and nothing is told that isn't so."""

from __future__ import annotations

import http.server
import threading
import time
from contextlib import suppress
from uuid import UUID, uuid4

import pytest

from storefront.domain.errors import StoreUnavailable
from storefront.domain.orders import OrderStatus
from storefront.domain.parcels import ParcelStatus, ShipmentStatus
from storefront.process import Process
from storefront.stores import Stores
from tests.support.concurrency import wait_until
from tests.support.factories import ADDRESS, order, product
from tests.support.proxy import Proxy
from tests.support.worker import tell, work


@pytest.fixture
def shop(proxy: Proxy, process: Process) -> Process:
    """A process whose DynamoDB is behind the proxy."""
    return process


@pytest.fixture
def shipped(shop: Process, stores: Stores) -> UUID:
    order_id = order(stores, product(stores, price=0))
    work(shop)
    tell(stores, order_id, ParcelStatus.IN_TRANSIT, message="Collected")
    work(shop)
    assert len(stores.deliveries.for_tracking(order_id).tracking) == 1
    return order_id


def test_through_the_proxy_all_is_well(shop: Process, stores: Stores, proxy: Proxy, shipped: UUID) -> None:
    assert proxy.requests > 0
    assert stores.deliveries.exists(shipped)
    assert not stores.deliveries.exists(uuid4())


@pytest.mark.parametrize("mode", ["refuse", "reset", "blackhole", "delay"])
def test_21_away_in_whatever_way_it_says_so_within_bounds(
    stores: Stores, shop: Process, proxy: Proxy, shipped: UUID, mode: str
) -> None:
    proxy.order(mode, 3)
    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        stores.deliveries.for_tracking(shipped)
    assert time.monotonic() - started < 5.5
    proxy.order("pass")
    wait_until(lambda: answers(stores))
    assert stores.deliveries.for_tracking(shipped).shipment is not None


def answers(stores: Stores) -> bool:
    """Whether DynamoDB is asked again: a probe has seen that it is back."""
    with suppress(StoreUnavailable):
        return stores.deliveries.exists(uuid4()) is False
    return False


def test_21_a_reply_cut_off_anywhere_is_never_read_as_no_such_item(
    stores: Stores, shop: Process, proxy: Proxy, shipped: UUID
) -> None:
    """Cut at many points: in the status line, in the headers, between them and the body, in the body."""
    assert stores.deliveries.exists(shipped)
    lies = []
    for cut in (*range(1, 30, 7), *range(30, 420, 23)):
        proxy.order("cut", cut)
        try:
            if (
                not stores.deliveries.exists(shipped)
                or stores.deliveries.for_tracking(shipped).shipment is None
            ):
                lies.append(cut)
        except StoreUnavailable:
            pass
    assert lies == []


def test_21_one_cut_off_reply_is_asked_again(
    stores: Stores, shop: Process, proxy: Proxy, shipped: UUID
) -> None:
    proxy.order("cut", 60, times=1)
    assert stores.deliveries.exists(shipped)


def test_22_a_write_whose_answer_is_lost_and_is_repeated_is_a_success(
    stores: Stores, shop: Process, proxy: Proxy
) -> None:
    order_id = order(stores, product(stores, price=0))
    proxy.order("reset", times=1, match=b"PutItem")
    work(shop, rounds=2)
    assert stores.orders.summary(order_id).status is OrderStatus.PREPARING
    assert stores.deliveries.for_tracking(order_id).shipment is not None


def test_21_orders_go_on_while_it_is_away_and_their_shipments_are_written_once_afterwards(
    stores: Stores, shop: Process, proxy: Proxy
) -> None:
    proxy.order("refuse")
    sku = product(stores, price=0, quantity=10)
    ids = [order(stores, sku) for _ in range(3)]
    assert {stores.orders.summary(one).status for one in ids} == {OrderStatus.PAID}
    work(shop)
    assert {stores.orders.summary(one).status for one in ids} == {OrderStatus.PAID}
    proxy.order("pass")
    work(shop, rounds=2)
    for one in ids:
        assert stores.orders.summary(one).status is OrderStatus.PREPARING
        shipment = stores.deliveries.for_tracking(one).shipment
        assert shipment is not None
        assert shipment.address == ADDRESS


def test_21_carriers_are_heard_while_it_is_away_and_it_is_told_later(
    stores: Stores, shop: Process, proxy: Proxy, shipped: UUID
) -> None:
    proxy.order("refuse")
    tell(stores, shipped, ParcelStatus.DELIVERED, minutes=5)
    work(shop)
    assert stores.orders.summary(shipped).status is OrderStatus.DELIVERED
    proxy.order("pass")
    work(shop)
    delivery = stores.deliveries.for_tracking(shipped)
    assert delivery.shipment is not None
    assert delivery.shipment.status is ShipmentStatus.DELIVERED
    assert len(delivery.tracking) == 2


def test_21_throttling_is_given_up_within_bounds(
    stores: Stores, shop: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers of a DynamoDB that throttles, made here: moto never does."""

    class Throttles(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = (
                b'{"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "message": "slow down"}'
            )
            self.send_response(400)
            self.send_header("Content-Type", "application/x-amz-json-1.0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Throttles)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{server.server_port}")
        throttled = Process(shop.settings)
        started = time.monotonic()
        with pytest.raises(StoreUnavailable):
            throttled.stores().deliveries.for_tracking(uuid4())
        assert time.monotonic() - started < 3
    finally:
        server.shutdown()
        server.server_close()
