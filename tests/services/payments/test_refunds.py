"""Refunds: money that must go back goes back, once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import pytest

from storefront.domain.errors import (
    Conflict,
    IllegalTransition,
    NotFound,
    PaymentUnavailable,
    TransactionLost,
)
from storefront.domain.orders import EventKind, OrderStatus
from storefront.domain.payments import PaymentStatus, Provider, RefundReason
from storefront.domain.refunds import RefundStatus
from storefront.payments.provider import Attempt, AttemptState
from storefront.process import Process
from storefront.services import carts, holds
from storefront.services.checkout import place
from storefront.services.payments import paying_back, refunds
from storefront.stores import Stores
from tests.support.concurrency import at_once
from tests.support.database import plant
from tests.support.factories import GOOD_CARD, HOLD, order, placement, product, shopper
from tests.support.stripe_control import advance, api, fault, refunds_of, unavailable
from tests.support.till import Till
from tests.support.worker import work

REFUND_FAILS = "4000000000005126"
REFUND_PENDING = "4000000000007726"
DISPUTED = "4000000000000259"


@pytest.fixture
def till(process: Process, stripe: str) -> Till:
    return Till(process, stripe)


# --- duplicate captures


def test_a_second_capture_goes_back_by_its_own_id_and_the_first_stays(till: Till) -> None:
    order_id = till.paid()
    told = till.process.stripe.retrieve(till.second_page(order_id))
    for _ in range(3):
        till.apply(order_id, told)
    assert till.kinds(order_id).count(EventKind.DUPLICATE_CAPTURE) == 1
    work(till.process, rounds=2)
    assert told.intent is not None
    assert [one["amount"] for one in refunds_of(till.address, told.intent)] == [1200]
    assert till.kinds(order_id).count(EventKind.DUPLICATE_REFUNDED) == 1
    view = till.view(order_id)
    assert view.payment_status is PaymentStatus.CAPTURED
    own = till.process.stripe.retrieve(view.external_ref or "").intent
    assert refunds_of(till.address, own or "") == []


def test_a_second_capture_waits_while_stripe_is_away_and_then_goes_back_once(till: Till) -> None:
    order_id = till.paid()
    told = till.process.stripe.retrieve(till.second_page(order_id))
    till.apply(order_id, told)
    with unavailable(till.address), pytest.raises(PaymentUnavailable):
        paying_back.refund_duplicates(till.stores, till.process.stripe)
    assert paying_back.refund_duplicates(till.stores, till.process.stripe) == 1
    assert paying_back.refund_duplicates(till.stores, till.process.stripe) == 0


def test_a_second_capture_that_stripe_does_not_know_is_flagged_and_holds_up_no_other(till: Till) -> None:
    odd, order_id = till.paid(), till.paid()
    till.apply(odd, Attempt("cs_gone", AttemptState.CAPTURED, 1200, "USD", intent="pi_gone"))
    till.apply(order_id, till.process.stripe.retrieve(till.second_page(order_id)))
    assert paying_back.refund_duplicates(till.stores, till.process.stripe) == 2
    assert EventKind.FLAGGED in till.kinds(odd)
    assert EventKind.DUPLICATE_REFUNDED in till.kinds(order_id)
    assert paying_back.refund_duplicates(till.stores, till.process.stripe) == 0


# --- refunds


def refunding(till: Till, card: str = GOOD_CARD) -> UUID:
    order_id = till.paid(card=card)
    refunds.refund(till.stores, order_id, restock=True, reason=RefundReason.OPERATOR)
    return order_id


def test_a_refund_with_restocking_puts_the_units_back(till: Till) -> None:
    sku = product(till.stores, quantity=5)
    order_id = till.paid(sku, qty=2)
    refunds.refund(till.stores, order_id, restock=True, reason=RefundReason.OPERATOR)
    assert till.level(sku) == (5, 0)
    assert till.view(order_id).payment_status is PaymentStatus.REFUNDING


def test_a_refund_without_restocking_keeps_them_out(till: Till) -> None:
    sku = product(till.stores, quantity=5)
    refunds.refund(till.stores, till.paid(sku, qty=2), restock=False, reason=RefundReason.OPERATOR)
    assert till.level(sku) == (3, 0)


def test_what_was_not_paid_cannot_be_refunded_and_its_stock_stays_right(till: Till) -> None:
    sku = product(till.stores, quantity=5)
    order_id = order(till.stores, sku, qty=2)
    with pytest.raises(IllegalTransition):
        refunds.refund(till.stores, order_id, restock=True, reason=RefundReason.OPERATOR)
    assert till.level(sku) == (5, 2)
    till.expire(order_id)
    with pytest.raises(IllegalTransition):
        refunds.refund(till.stores, order_id, restock=True, reason=RefundReason.OPERATOR)
    assert till.level(sku) == (5, 0)


def test_what_went_back_cannot_go_back_again(till: Till) -> None:
    order_id = refunding(till)
    with pytest.raises(IllegalTransition):
        refunds.refund(till.stores, order_id, restock=True, reason=RefundReason.OPERATOR)


def test_a_free_order_is_refunded_without_stripe(process: Process, stores: Stores) -> None:
    sku = product(stores, price=0, quantity=3)
    order_id = order(stores, sku)
    refunds.refund(stores, order_id, restock=True, reason=RefundReason.OPERATOR)
    view = stores.orders.summary(order_id)
    assert (view.provider, view.payment_status) == (Provider.NONE, PaymentStatus.REFUNDED)
    left = stores.stock.level(sku)
    assert (left.quantity, left.reserved) == (3, 0)


@pytest.mark.parametrize(
    ("match", "action"),
    [
        ("* /v1/*", "drop_before"),
        ("POST /v1/refunds", "drop_before"),
        ("POST /v1/refunds", "drop_after"),
        ("POST /v1/refunds", "status:503"),
        ("GET /v1/refunds", "status:500"),
    ],
)
def test_27_a_refund_that_could_not_be_asked_for_is_asked_for_again_and_done_once(
    till: Till, match: str, action: str
) -> None:
    order_id = refunding(till)
    with fault(till.address, match, action, 50), pytest.raises(PaymentUnavailable):
        till.pay_back(order_id)
    assert till.view(order_id).payment_status is PaymentStatus.REFUNDING
    assert till.pay_back(order_id) == [RefundStatus.DONE]
    assert till.view(order_id).payment_status is PaymentStatus.REFUNDED
    assert len(refunds_of(till.address, till.intent(order_id))) == 1


def test_27_a_500_that_stripe_remembers_for_the_key_does_not_become_a_second_refund(till: Till) -> None:
    order_id = refunding(till)
    with fault(till.address, "POST /v1/refunds", "status:500", 1), pytest.raises(PaymentUnavailable):
        till.pay_back(order_id)
    # The same key is answered with the same 500; a person has to look, and money does not go twice.
    with pytest.raises(PaymentUnavailable):
        till.pay_back(order_id)
    assert refunds_of(till.address, till.intent(order_id)) == []
    assert till.view(order_id).payment_status is PaymentStatus.REFUNDING


def test_27_two_workers_refund_once(till: Till) -> None:
    order_id = refunding(till)
    done = at_once(*[lambda: till.pay_back(order_id)] * 4)
    assert done.kinds() <= {PaymentUnavailable}
    till.pay_back(order_id)
    assert len(refunds_of(till.address, till.intent(order_id))) == 1
    assert till.kinds(order_id).count(EventKind.REFUND_DONE) == 1


def test_what_was_refunded_in_the_dashboard_is_not_taken_for_ours(till: Till) -> None:
    """It may have been sent for another reason: a person looks, and no money goes back twice."""
    order_id = refunding(till)
    api(till.address, "POST", "refunds", payment_intent=till.intent(order_id))
    assert till.pay_back(order_id) == [RefundStatus.REFUSED]
    assert till.refunded(order_id) == 1200
    assert EventKind.REFUND_REFUSED in till.kinds(order_id)


def test_a_pending_refund_is_asked_about_until_it_is_done(till: Till) -> None:
    order_id = refunding(till, REFUND_PENDING)
    assert till.pay_back(order_id) == [RefundStatus.DUE]
    assert till.view(order_id).payment_status is PaymentStatus.REFUNDING
    advance(till.address, 5)
    assert till.pay_back(order_id) == [RefundStatus.DONE]
    assert till.view(order_id).payment_status is PaymentStatus.REFUNDED


def test_a_refund_that_the_bank_sends_back_is_told_and_not_tried_for_ever(till: Till) -> None:
    order_id = refunding(till, REFUND_FAILS)
    assert till.pay_back(order_id) == [RefundStatus.DONE]
    advance(till.address, 5)
    for _ in range(2):
        paying_back.follow(till.stores, till.process.stripe, till.stores.orders.summary(order_id))
    assert till.kinds(order_id).count(EventKind.REFUND_REFUSED) == 1
    work(till.process)
    assert len(refunds_of(till.address, till.intent(order_id))) == 1


def test_a_refund_that_stripe_refuses_is_flagged_and_left_to_a_person(till: Till) -> None:
    order_id = till.paid(card=DISPUTED)
    refunds.refund(till.stores, order_id, restock=False, reason=RefundReason.OPERATOR)
    assert till.pay_back(order_id) == [RefundStatus.REFUSED]
    assert till.view(order_id).payment_status is PaymentStatus.REFUNDING
    assert till.kinds(order_id).count(EventKind.REFUND_REFUSED) == 1
    with till.stores.transaction():
        assert till.stores.order_queues.claim_refunding(10, holds.LEASE) == []


def test_a_part_refunded_in_the_dashboard_does_not_count_as_the_whole(till: Till) -> None:
    order_id = till.paid()
    api(till.address, "POST", "refunds", payment_intent=till.intent(order_id), amount=100)
    refunds.refund(till.stores, order_id, restock=True, reason=RefundReason.OPERATOR)
    assert till.pay_back(order_id) == [RefundStatus.REFUSED]
    assert till.view(order_id).payment_status is PaymentStatus.REFUNDING
    assert till.refunded(order_id) == 100


# --- some units of some lines


def lines_of(till: Till) -> tuple[UUID, str, str]:
    """A paid order of three pans at 12.00 and two pots at 5.00, and their SKUs."""
    pan, pot = product(till.stores, quantity=9), product(till.stores, price=500, quantity=9)
    user_id = shopper()
    carts.add(till.stores, user_id, pan, 3)
    carts.add(till.stores, user_id, pot, 2)
    order_id = place(till.stores, placement(till.stores, user_id), HOLD)
    till.pay(order_id)
    assert till.settle(order_id) is OrderStatus.PAID
    return order_id, pan, pot


def part(till: Till, order_id: UUID, units: dict[str, int], *, restock: bool = False) -> int:
    return refunds.refund(
        till.process.stores(), order_id, restock=restock, reason=RefundReason.OPERATOR, units=units
    )


def test_a_unit_goes_back_alone_and_the_order_stands(till: Till) -> None:
    order_id, pan, pot = lines_of(till)
    assert part(till, order_id, {pan: 1}, restock=True) == 1200
    assert (till.level(pan), till.level(pot)) == ((7, 0), (7, 0))
    before = till.view(order_id)
    assert (before.status, before.payment_status) == (OrderStatus.PAID, PaymentStatus.CAPTURED)
    assert before.paying_back
    assert till.pay_back(order_id) == [RefundStatus.DONE]
    after = till.view(order_id)
    assert after.payment_status is PaymentStatus.CAPTURED
    assert {line.sku: line.refunded for line in after.lines} == {pan: 1, pot: 0}
    (refund,) = after.refunds
    (told,) = refunds_of(till.address, till.intent(order_id))
    assert told["amount"] == 1200
    assert told["metadata"] == {"refund_id": str(refund.refund_id), "order_id": str(order_id)}
    assert told["id"] == refund.external_ref
    assert {EventKind.PART_REFUND_DUE, EventKind.PART_REFUND_DONE} <= set(till.kinds(order_id))


def test_the_last_unit_ends_the_order_and_all_of_the_money_is_back(till: Till) -> None:
    order_id, pan, pot = lines_of(till)
    assert part(till, order_id, {pan: 2}) == 2400
    assert part(till, order_id, {pan: 1, pot: 1}, restock=True) == 1700
    assert till.view(order_id).status is OrderStatus.PAID
    assert refunds.refund(till.stores, order_id, restock=True, reason=RefundReason.OPERATOR) == 500
    ended = till.view(order_id)
    assert (ended.status, ended.payment_status) == (OrderStatus.REFUNDED, PaymentStatus.REFUNDING)
    assert till.pay_back(order_id) == [RefundStatus.DONE] * 3
    assert till.view(order_id).payment_status is PaymentStatus.REFUNDED
    assert till.kinds(order_id).count(EventKind.REFUND_DONE) == 1
    assert till.refunded(order_id) == 4600
    assert (till.level(pan), till.level(pot)) == ((7, 0), (9, 0))


def test_no_more_units_go_back_than_are_left(till: Till) -> None:
    order_id, pan, _ = lines_of(till)
    for wrong in ({pan: 4}, {pan: 0}, {pan: -1}, {}):
        with pytest.raises(Conflict):
            part(till, order_id, wrong, restock=True)
    part(till, order_id, {pan: 3})
    with pytest.raises(Conflict):
        part(till, order_id, {pan: 1}, restock=True)
    with pytest.raises(NotFound):
        part(till, order_id, {"kettle": 1})
    assert till.level(pan) == (6, 0)


def test_units_refunded_at_once_by_many_go_back_once(till: Till) -> None:
    order_id, pan, _ = lines_of(till)
    done = at_once(*[lambda: part(till, order_id, {pan: 2}, restock=True)] * 6)
    assert done.kinds() == {Conflict}
    assert done.results == [2400]
    assert till.level(pan) == (8, 0)
    at_once(*[lambda: till.pay_back(order_id)] * 3)
    till.pay_back(order_id)
    assert till.refunded(order_id) == 2400


def test_two_parts_of_one_amount_are_two_refunds(till: Till) -> None:
    order_id, pan, _ = lines_of(till)
    part(till, order_id, {pan: 1})
    till.pay_back(order_id)
    part(till, order_id, {pan: 1})
    assert till.pay_back(order_id) == [RefundStatus.DONE] * 2
    assert till.refunded(order_id) == 2400


def test_a_free_line_goes_back_without_asking_anybody(till: Till) -> None:
    pan, leaflet = product(till.stores), product(till.stores, price=0)
    order_id = till.paid(pan, leaflet)
    with unavailable(till.address):
        assert part(till, order_id, {leaflet: 1}, restock=True) == 0
        assert till.pay_back(order_id) == [RefundStatus.DONE]
    assert till.level(leaflet) == (10, 0)
    assert refunds_of(till.address, till.intent(order_id)) == []
    assert till.view(order_id).status is OrderStatus.PAID


@pytest.mark.parametrize("action", ["drop_before", "drop_after"])
def test_27_a_part_whose_reply_was_lost_goes_back_once(till: Till, action: str) -> None:
    order_id, pan, _ = lines_of(till)
    part(till, order_id, {pan: 1})
    with fault(till.address, "POST /v1/refunds", action, 50), pytest.raises(PaymentUnavailable):
        till.pay_back(order_id)
    assert till.pay_back(order_id) == [RefundStatus.DONE]
    assert till.refunded(order_id) == 1200


def test_2_a_refund_whose_acknowledgement_was_lost_is_decided_once(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id, pan, _ = lines_of(till)
    stores = till.process.stores()
    real, lost = stores.db.transaction, [True]

    @contextmanager
    def losing() -> Iterator[object]:
        with real() as session:
            yield session
        if lost:
            lost.pop()
            raise TransactionLost("aurora")

    monkeypatch.setattr(stores.db, "transaction", losing)
    assert (
        refunds.refund(stores, order_id, restock=True, reason=RefundReason.OPERATOR, units={pan: 1}) == 1200
    )
    assert (len(till.view(order_id).refunds), till.level(pan)) == (1, (7, 0))


def test_a_part_that_the_bank_sends_back_is_told_and_the_rest_can_still_go(till: Till) -> None:
    pan = product(till.stores)
    order_id = till.paid(pan, qty=2, card=REFUND_FAILS)
    part(till, order_id, {pan: 1})
    assert till.pay_back(order_id) == [RefundStatus.DONE]
    advance(till.address, 5)
    paying_back.follow(till.stores, till.process.stripe, till.stores.orders.summary(order_id))
    view = till.view(order_id)
    assert [one.status for one in view.refunds] == [RefundStatus.REFUSED]
    assert view.payment_status is PaymentStatus.CAPTURED
    assert till.kinds(order_id).count(EventKind.REFUND_REFUSED) == 1
    refunds.refund(till.stores, order_id, restock=False, reason=RefundReason.OPERATOR)
    assert till.pay_back(order_id) == [RefundStatus.REFUSED, RefundStatus.DONE]
    assert till.view(order_id).payment_status is PaymentStatus.REFUNDING


def test_35_what_an_older_version_decided_to_refund_is_finished(till: Till) -> None:
    sku = product(till.stores, quantity=5)
    order_id = till.paid(sku)
    refunds.refund(till.stores, order_id, restock=True, reason=RefundReason.OPERATOR)
    plant(till.stores, "DELETE FROM refund_lines")
    plant(till.stores, "DELETE FROM refunds WHERE order_id = :id", id=order_id)
    work(till.process)
    view = till.view(order_id)
    assert view.payment_status is PaymentStatus.REFUNDED
    assert [(one.cents, one.status, len(one.lines)) for one in view.refunds] == [(1200, RefundStatus.DONE, 1)]
    assert till.refunded(order_id) == 1200
