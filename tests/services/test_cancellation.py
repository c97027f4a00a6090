"""Ending an order before it is sent."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from storefront.domain.attention import AttentionKind
from storefront.domain.errors import Conflict, NotFound, PaidMeanwhile, PaymentUnavailable
from storefront.domain.orders import Actor, EventKind, OrderStatus
from storefront.domain.parcels import ParcelLine, ParcelStatus, ShipmentStatus
from storefront.domain.payments import PaymentStatus, RefundReason
from storefront.payments.provider import Attempt
from storefront.process import Process
from storefront.services import cancellation, carrier_events, holds, order_address
from storefront.services.payments import refunds
from storefront.stores import Stores
from tests.support.concurrency import at_once
from tests.support.factories import ADDRESS, lapse, order, pay_page, product, shopper
from tests.support.otherwise import otherwise
from tests.support.stripe_control import refunds_of, sessions_of, unavailable
from tests.support.till import open_page, settle
from tests.support.worker import event, pack, tell, work

ELSEWHERE = replace(ADDRESS, line1="1 High Street")


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


# --- once a parcel has left


@pytest.fixture
def two(stores: Stores) -> tuple[str, str]:
    return product(stores, price=1200, quantity=9, name="Brass lamp"), product(stores, price=500, quantity=9)


@pytest.fixture
def half_sent(process: Process, stores: Stores, stripe: str, two: tuple[str, str]) -> UUID:
    """Two of each were bought; a parcel with one of the first is on its way, one with the other is booked."""
    order_id = order(stores, *two, qty=2)
    pay_page(open_page(process, order_id))
    settle(process, order_id)
    work(process)
    pack(stores, order_id, ParcelLine(two[0], 1), code="LEFT")
    pack(stores, order_id, ParcelLine(two[0], 1), code="HERE")
    carrier_events.record(stores, event("LEFT", ParcelStatus.IN_TRANSIT))
    return order_id


def cancel_rest(process: Process, order_id: UUID) -> OrderStatus:
    return cancellation.cancel(process.stores(), process.stripe, order_id, by=Actor.SHOPPER, rest=True)


def statuses(stores: Stores, order_id: UUID) -> dict[str, ParcelStatus]:
    return {parcel.tracking_code: parcel.status for parcel in stores.parcels.of(order_id)}


def test_what_has_not_left_is_paid_back_and_restocked_and_the_rest_goes_on(
    process: Process, stores: Stores, stripe: str, half_sent: UUID, two: tuple[str, str]
) -> None:
    assert cancel_rest(process, half_sent) is OrderStatus.SHIPPED
    assert statuses(stores, half_sent) == {"LEFT": ParcelStatus.IN_TRANSIT, "HERE": ParcelStatus.CANCELLED}
    assert [stores.stock.level(sku).quantity for sku in two] == [8, 9]
    (refund,) = stores.orders.view(half_sent).refunds
    assert refund.cents == 1200 + 2 * 500
    work(process)
    assert stores.orders.summary(half_sent).payment_status is PaymentStatus.CAPTURED
    carrier_events.record(stores, event("LEFT", ParcelStatus.DELIVERED))
    assert stores.orders.summary(half_sent).status is OrderStatus.DELIVERED, "nothing else is to come"


def test_it_has_to_be_asked_for_and_is_done_once(
    process: Process, stores: Stores, half_sent: UUID, two: tuple[str, str]
) -> None:
    """Who saw all of it here asked for all of it."""
    with pytest.raises(Conflict, match="has just left"):
        cancel(process, half_sent)
    assert stores.orders.view(half_sent).refunds == ()
    done = at_once(*[lambda: cancel_rest(process, half_sent)] * 4)
    assert done.kinds() <= {Conflict}
    assert len(done.results) == 1
    assert len(stores.orders.view(half_sent).refunds) == 1
    assert [stores.stock.level(sku).quantity for sku in two] == [8, 9]


def test_what_a_carrier_has_had_is_not_cancelled_wherever_it_is_now(
    process: Process, stores: Stores, half_sent: UUID, two: tuple[str, str]
) -> None:
    """A parcel that comes back is somebody's to decide about; one that was never collected is here."""
    carrier_events.record(stores, event("LEFT", ParcelStatus.RETURNED))
    carrier_events.record(stores, event("HERE", ParcelStatus.EXCEPTION))
    assert cancel_rest(process, half_sent) is OrderStatus.SHIPPED
    (refund,) = stores.orders.view(half_sent).refunds
    assert {line.sku: line.qty for line in refund.lines} == {two[0]: 1, two[1]: 2}
    assert statuses(stores, half_sent)["HERE"] is ParcelStatus.CANCELLED
    assert [one.kind for one in stores.attention.open()] == [AttentionKind.PARCEL_RETURNED]
    with pytest.raises(Conflict, match="can't be cancelled any more"):
        cancel_rest(process, half_sent)


def test_units_paid_back_with_a_parcel_that_came_back_are_not_counted_twice(
    process: Process, stores: Stores, half_sent: UUID, two: tuple[str, str]
) -> None:
    carrier_events.record(stores, event("LEFT", ParcelStatus.RETURNED))
    refunds.refund(stores, half_sent, restock=True, reason=RefundReason.OPERATOR, units={two[0]: 1})
    assert cancel_rest(process, half_sent) is OrderStatus.REFUNDED, "nothing of it is left"
    assert [stores.stock.level(sku).quantity for sku in two] == [9, 9]


def test_a_parcel_handed_over_in_the_same_moment_is_either_cancelled_or_on_its_way(
    process: Process, stores: Stores, half_sent: UUID, two: tuple[str, str]
) -> None:
    at_once(
        lambda: cancel_rest(process, half_sent),
        lambda: carrier_events.record(process.stores(), event("HERE", ParcelStatus.IN_TRANSIT)),
    )
    here = statuses(stores, half_sent)["HERE"]
    (refund,) = stores.orders.view(half_sent).refunds
    back = {line.sku: line.qty for line in refund.lines}
    assert back.get(two[0], 0) == (1 if here is ParcelStatus.CANCELLED else 0)


# --- its address


def test_what_has_not_left_can_go_to_another_address(
    process: Process, stores: Stores, half_sent: UUID
) -> None:
    order_address.correct(stores, half_sent, ELSEWHERE)
    work(process)
    shipment = stores.deliveries.for_tracking(half_sent).shipment
    assert shipment is not None
    assert shipment.address == ELSEWHERE
    told = [e for e in stores.orders.view(half_sent).events if e.kind is EventKind.ADDRESS_CHANGED]
    assert [one.of_the_rest for one in told] == [True]
    cancel_rest(process, half_sent)
    with pytest.raises(Conflict, match="can't be changed any more"):
        order_address.correct(stores, half_sent, ADDRESS)
