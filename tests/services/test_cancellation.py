"""Ending an order before it is sent."""

from __future__ import annotations

from uuid import UUID

import pytest

from storefront.domain.errors import Conflict, NotFound, PaidMeanwhile, PaymentUnavailable
from storefront.domain.orders import Actor, EventKind, OrderStatus
from storefront.domain.parcels import ParcelStatus, ShipmentStatus
from storefront.domain.payments import PaymentStatus
from storefront.payments.provider import Attempt
from storefront.process import Process
from storefront.services import cancellation, holds
from storefront.stores import Stores
from tests.support.concurrency import at_once
from tests.support.factories import lapse, order, pay_page, product, shopper
from tests.support.otherwise import otherwise
from tests.support.stripe_control import refunds_of, sessions_of, unavailable
from tests.support.till import open_page, settle
from tests.support.worker import tell, work


def cancel(process: Process, order_id: UUID) -> OrderStatus:
    return cancellation.cancel(process.stores(), process.stripe, order_id, by=Actor.SHOPPER)


def paid(process: Process, stores: Stores, *skus: str) -> UUID:
    order_id = order(stores, *skus)
    pay_page(open_page(process, order_id))
    settle(process, order_id)
    return order_id


def test_cancelling_an_unpaid_order_frees_its_stock(process: Process, stores: Stores) -> None:
    sku = product(stores, quantity=4)
    order_id = order(stores, sku, qty=4)
    assert cancel(process, order_id) is OrderStatus.CANCELLED
    assert (stores.stock.level(sku).quantity, stores.stock.level(sku).reserved) == (4, 0)


def test_the_page_is_closed_first(process: Process, stores: Stores, stripe: str) -> None:
    order_id = order(stores)
    url = open_page(process, order_id)
    cancel(process, order_id)
    assert sessions_of(stripe, order_id)[0]["status"] == "expired"
    pay_page(url)
    assert sessions_of(stripe, order_id)[0]["payment_status"] == "unpaid"


def test_while_stripe_is_away_nothing_is_cancelled_and_the_hold_stands(
    process: Process, stores: Stores, stripe: str
) -> None:
    sku = product(stores)
    order_id = order(stores, sku)
    open_page(process, order_id)
    with unavailable(stripe), pytest.raises(PaymentUnavailable):
        cancel(process, order_id)
    assert stores.orders.summary(order_id).status is OrderStatus.PENDING
    assert stores.stock.level(sku).reserved == 1


def test_paid_in_the_same_moment_stays_paid(process: Process, stores: Stores, stripe: str) -> None:
    order_id = order(stores)
    pay_page(open_page(process, order_id))
    with pytest.raises(PaidMeanwhile):
        cancel(process, order_id)
    assert stores.orders.summary(order_id).status is OrderStatus.PAID


def test_a_page_opened_while_cancelling_is_not_left_behind(
    process: Process, stores: Stores, stripe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another tab starts to pay between the look and the cancellation."""
    order_id = order(stores)
    work_of = cancellation._cancel
    monkeypatch.setattr(
        cancellation, "_cancel", lambda *args, **how: (open_page(process, order_id), work_of(*args, **how))[1]
    )
    with pytest.raises(Conflict):
        cancel(process, order_id)
    assert stores.orders.summary(order_id).status is OrderStatus.PENDING
    assert sessions_of(stripe, order_id)[0]["status"] == "open"


def test_cancelling_twice_is_cancelling_once(process: Process, stores: Stores) -> None:
    sku = product(stores)
    order_id = order(stores, sku)
    done = at_once(*[lambda: cancel(process, order_id)] * 6)
    assert done.errors == []
    assert set(done.results) == {OrderStatus.CANCELLED}
    assert stores.stock.level(sku).reserved == 0
    assert [e.kind for e in stores.orders.view(order_id).events].count(EventKind.CANCELLED) == 1


def test_a_paid_order_taken_back_before_dispatch_is_refunded_and_its_units_return(
    process: Process, stores: Stores, stripe: str
) -> None:
    sku = product(stores, quantity=3)
    order_id = paid(process, stores, sku)
    assert cancel(process, order_id) is OrderStatus.REFUNDED
    assert (stores.stock.level(sku).quantity, stores.stock.level(sku).reserved) == (3, 0)
    work(process)
    view = stores.orders.view(order_id)
    assert view.payment_status is PaymentStatus.REFUNDED
    intent = process.stripe.retrieve(view.external_ref or "").intent or ""
    assert [one["amount"] for one in refunds_of(stripe, intent)] == [1200]
    assert stores.deliveries.for_tracking(order_id).shipment is None


def test_a_prepared_shipment_is_cancelled_with_its_order(
    process: Process, stores: Stores, stripe: str
) -> None:
    order_id = paid(process, stores)
    work(process)
    assert stores.orders.summary(order_id).status is OrderStatus.PREPARING
    cancel(process, order_id)
    work(process, rounds=2)
    shipment = stores.deliveries.for_tracking(order_id).shipment
    assert shipment is not None
    assert shipment.status is ShipmentStatus.CANCELLED
    assert stores.orders.summary(order_id).payment_status is PaymentStatus.REFUNDED


def test_cancelled_twice_after_payment_refunds_once(process: Process, stores: Stores, stripe: str) -> None:
    sku = product(stores, quantity=3)
    order_id = paid(process, stores, sku)
    done = at_once(*[lambda: cancel(process, order_id)] * 4)
    assert done.kinds() <= {Conflict}
    assert stores.stock.level(sku).quantity == 3


def test_what_ended_or_was_sent_cannot_be_cancelled(process: Process, stores: Stores) -> None:
    ended = order(stores)
    lapse(stores, ended)
    holds.expire_lapsed(stores, process.stripe)
    sent = order(stores, product(stores, price=0))
    work(process)
    tell(stores, sent, ParcelStatus.IN_TRANSIT)
    for order_id in (ended, sent):
        before = stores.orders.summary(order_id).status
        with pytest.raises(Conflict):
            cancel(process, order_id)
        assert stores.orders.summary(order_id).status is before
    with pytest.raises(NotFound):
        cancel(process, shopper())


def test_cancelling_against_paying_ends_as_one_of_both(process: Process, stores: Stores, stripe: str) -> None:
    sku = product(stores, quantity=50)
    for _ in range(4):
        order_id = order(stores, sku)
        url = open_page(process, order_id)
        at_once(lambda o=order_id: cancel(process, o), lambda u=url: pay_page(u))  # type: ignore[misc]
        status = settle(process, order_id)
        (session,) = sessions_of(stripe, order_id)
        assert status is (OrderStatus.PAID if session["payment_status"] == "paid" else OrderStatus.CANCELLED)


def test_a_closing_that_stripe_cannot_do_now_leaves_the_order_alone(
    process: Process, stores: Stores, stripe: str
) -> None:
    order_id = order(stores)
    open_page(process, order_id)

    def cannot(_: str) -> Attempt:
        raise PaymentUnavailable("This payment can't be closed yet")

    process.stripe = otherwise(process.stripe, close=cannot)
    with pytest.raises(PaymentUnavailable):
        cancel(process, order_id)
    assert stores.orders.summary(order_id).status is OrderStatus.PENDING
