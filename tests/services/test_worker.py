"""The worker's rounds: what must happen without anybody asking for it."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from sqlalchemy import text

from storefront.domain.errors import StoreUnavailable
from storefront.domain.orders import OrderStatus
from storefront.domain.payments import PaymentStatus, RefundReason
from storefront.process import Process
from storefront.repositories.dynamodb.deliveries import Deliveries
from storefront.services import holds
from storefront.services.payments import refunds, settlement
from storefront.stores import Stores
from tests.support.factories import lapse, order, pay_page, product
from tests.support.stripe_control import unavailable
from tests.support.till import open_page, settle
from tests.support.worker import quiet_worker, work


def older(stores: Stores) -> None:
    """As if every order had been placed a minute earlier."""
    with stores.transaction():
        stores.db.session.execute(text("UPDATE orders SET created_at = created_at - interval '1 minute'"))


def test_10_a_payment_whose_webhook_was_lost_is_found_and_shipped(
    process: Process, stores: Stores, stripe: str
) -> None:
    order_id = order(stores)
    pay_page(open_page(process, order_id))
    older(stores)
    work(process)
    assert stores.orders.summary(order_id).status is OrderStatus.PREPARING


def test_5_a_crash_after_the_capture_is_made_up_for_once(
    process: Process, stores: Stores, stripe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = product(stores, quantity=5)
    order_id = order(stores, sku, qty=2)
    pay_page(open_page(process, order_id))
    with monkeypatch.context() as patch:
        patch.setattr(settlement, "_captured", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            settle(process, order_id)
    assert stores.orders.summary(order_id).status is OrderStatus.PENDING
    older(stores)
    work(process, rounds=3)
    assert stores.orders.summary(order_id).status is OrderStatus.PREPARING
    assert (stores.stock.level(sku).quantity, stores.stock.level(sku).reserved) == (3, 0)


def test_3_a_crash_before_stripe_is_called_ends_with_the_hold(process: Process, stores: Stores) -> None:
    order_id = order(stores)
    lapse(stores, order_id)
    work(process)
    assert stores.orders.summary(order_id).status is OrderStatus.EXPIRED


def test_a_payment_is_asked_about_less_and_less_often(process: Process, stores: Stores, stripe: str) -> None:
    order_id = order(stores, hold=timedelta(hours=10))
    open_page(process, order_id)
    with stores.transaction():
        stores.db.session.execute(text("UPDATE orders SET created_at = now() - interval '2 hours'"))
        stores.db.session.execute(text("UPDATE orders SET expires_at = now() + interval '8 hours'"))
    work(process)
    lease = stores.db.rows(text("SELECT extract(epoch FROM claimed_until - now()) FROM orders"))[0][0]
    assert 29 * 60 < lease <= 30 * 60


def test_settling_goes_on_at_once_when_stripe_is_back(process: Process, stores: Stores, stripe: str) -> None:
    ids = [order(stores) for _ in range(3)]
    for order_id in ids:
        pay_page(open_page(process, order_id))
    older(stores)
    with unavailable(stripe):
        work(process)
    assert {stores.orders.summary(one).status for one in ids} == {OrderStatus.PENDING}
    work(process)
    assert {stores.orders.summary(one).status for one in ids} == {OrderStatus.PREPARING}


def test_one_payment_that_stripe_does_not_know_keeps_no_other_waiting(
    process: Process, stores: Stores, stripe: str
) -> None:
    odd, *ids = [order(stores) for _ in range(4)]
    for order_id in ids:
        pay_page(open_page(process, order_id))
    with stores.transaction():
        stores.db.session.execute(
            text("UPDATE payments SET external_ref = 'cs_gone' WHERE order_id = :o"), {"o": odd}
        )
    older(stores)
    work(process)
    assert {stores.orders.summary(one).status for one in ids} == {OrderStatus.PREPARING}
    assert stores.orders.summary(odd).status is OrderStatus.PENDING


def test_a_refund_does_not_wait_for_dynamodb(
    process: Process, stores: Stores, stripe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claims are on the order: a shipment that can't be cancelled must not hold up the money."""
    order_id = order(stores)
    pay_page(open_page(process, order_id))
    settle(process, order_id)
    work(process)
    refunds.refund(stores, order_id, restock=True, reason=RefundReason.SHOPPER)

    def away_(*_: object) -> None:
        raise StoreUnavailable("dynamodb")

    monkeypatch.setattr(Deliveries, "update", away_)
    work(process)
    assert stores.orders.summary(order_id).payment_status is PaymentStatus.REFUNDED


def test_one_jobs_failure_keeps_no_other_from_its_turn(
    process: Process, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object) -> int:
        raise ArithmeticError("a bug")

    monkeypatch.setattr(holds, "expire_lapsed", breaks)
    order_id = order(stores, product(stores, price=0))
    work(process)
    assert stores.orders.summary(order_id).status is OrderStatus.PREPARING


def test_a_worker_stops_between_two_jobs_and_being_told_twice_is_no_harm(process: Process) -> None:
    one = quiet_worker(process)
    thread = threading.Thread(target=one.run)
    thread.start()
    one.stop()
    one.stop()
    thread.join(5)
    assert not thread.is_alive()


def test_lapsed_holds_end_within_two_seconds_of_a_running_worker(process: Process, stores: Stores) -> None:
    """I15: at most a round apart."""
    one = quiet_worker(process)
    thread = threading.Thread(target=one.run)
    thread.start()
    try:
        order_id = order(stores)
        lapse(stores, order_id)
        started = time.monotonic()
        while stores.orders.summary(order_id).status is OrderStatus.PENDING:
            assert time.monotonic() - started < 2
            time.sleep(0.02)
    finally:
        one.stop()
        thread.join(5)
