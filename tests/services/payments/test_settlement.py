"""Settlement: every payment ends well, whatever is lost, repeated or late."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from storefront.domain.errors import (
    PaidMeanwhile,
    PaymentUnavailable,
)
from storefront.domain.orders import Actor, EventKind, OrderStatus
from storefront.domain.payments import PaymentStatus, RefundReason
from storefront.payments.provider import Attempt, AttemptState
from storefront.process import Process
from storefront.repositories.aurora.orders import Orders
from storefront.services import cancellation, carts, holds
from storefront.services.payments import refunds, settlement
from tests.support.concurrency import at_once
from tests.support.factories import DECLINED_CARD, lapse, order, pay_page, product, shopper
from tests.support.otherwise import otherwise
from tests.support.stripe_control import refunds_of, unavailable
from tests.support.till import Till, captured
from tests.support.unguarded import order_without_its_lock
from tests.support.worker import work


@pytest.fixture
def till(process: Process, stripe: str) -> Till:
    return Till(process, stripe)


def test_paid_means_that_the_units_leave_the_stock(till: Till) -> None:
    sku = product(till.stores, quantity=10)
    order_id = till.paid(sku, qty=4)
    assert till.level(sku) == (6, 0)
    view = till.view(order_id)
    assert view.payment_status is PaymentStatus.CAPTURED
    assert till.kinds(order_id)[-1] is EventKind.PAID


def test_an_unpaid_page_changes_nothing(till: Till) -> None:
    order_id = order(till.stores)
    till.start(order_id)
    assert till.settle(order_id) is OrderStatus.PENDING
    assert till.view(order_id).payment_status is PaymentStatus.PENDING


def test_declined_then_paid_on_the_same_page_is_one_charge(till: Till) -> None:
    order_id = order(till.stores)
    url = till.start(order_id)
    pay_page(url, DECLINED_CARD)
    assert till.settle(order_id) is OrderStatus.PENDING
    view = till.view(order_id)
    assert view.payment_status is PaymentStatus.FAILED
    assert view.events[-1].kind is EventKind.PAYMENT_FAILED
    assert "declined" in str(view.events[-1].data["message"])
    assert till.start(order_id) == url, "the page stays open, so it is used again"
    pay_page(url)
    assert till.settle(order_id) is OrderStatus.PAID
    assert till.view(order_id).payment_status is PaymentStatus.CAPTURED


def test_8_twenty_settlements_at_once_have_one_effect(till: Till) -> None:
    sku = product(till.stores, quantity=10)
    order_id = order(till.stores, sku, qty=2)
    till.pay(order_id)
    done = at_once(*[lambda: till.settle(order_id)] * 20)
    # Five connections more than the pool has may wait too long on a busy machine; none may do harm.
    assert set(done.results) == {OrderStatus.PAID}
    assert done.errors == []
    assert till.kinds(order_id).count(EventKind.PAID) == 1
    assert till.level(sku) == (8, 0)


def test_control_without_the_orders_lock_a_payment_takes_the_stock_more_than_once(
    till: Till, monkeypatch: pytest.MonkeyPatch, unsound: None
) -> None:
    monkeypatch.setattr(Orders, "lock", order_without_its_lock)
    sku = product(till.stores, quantity=100)
    order(till.stores, sku, qty=50)  # so that the CHECK on reserved does not stop it first
    order_id = order(till.stores, sku, qty=2)
    till.pay(order_id)
    at_once(*[lambda: till.settle(order_id)] * 4)
    assert till.level(sku)[0] < 98


@pytest.mark.parametrize(
    ("cents", "currency"), [(1, "USD"), (1199, "USD"), (1201, "USD"), (1200, "EUR"), (0, "USD")]
)
def test_26_a_captured_amount_or_currency_that_is_not_the_orders_goes_back_and_is_flagged(
    till: Till, cents: int, currency: str
) -> None:
    sku = product(till.stores, price=1200, quantity=5)
    order_id = order(till.stores, sku)
    till.start(order_id)
    told = captured(till.stores, order_id, cents=cents, currency=currency)
    assert till.apply(order_id, told) is OrderStatus.REFUNDED
    view = till.view(order_id)
    assert view.payment_status is PaymentStatus.REFUNDING
    assert {EventKind.REFUND_DUE, EventKind.FLAGGED} <= set(till.kinds(order_id))
    assert till.level(sku) == (5, 0), "what was held is free again, and nothing was sold"


def test_the_state_of_another_attempt_moves_nothing(till: Till) -> None:
    order_id = order(till.stores)
    till.start(order_id)
    for state in (AttemptState.CLOSED, AttemptState.PROCESSING, AttemptState.OPEN):
        told = Attempt("cs_of_somebody", state, 0, "USD", failure="declined")
        assert till.apply(order_id, told) is OrderStatus.PENDING
    assert till.view(order_id).payment_status is PaymentStatus.PENDING
    assert till.view(order_id).checking is False


# --- late


def test_12_paid_after_expiry_with_stock_left_takes_the_stock_again(till: Till) -> None:
    sku = product(till.stores, quantity=2)
    order_id = order(till.stores, sku, qty=2)
    till.pay(order_id)
    till.expire(order_id)
    assert till.settle(order_id) is OrderStatus.PAID
    assert till.level(sku) == (0, 0)
    assert till.kinds(order_id)[-1] is EventKind.PAID_LATE


def test_13_paid_after_expiry_and_sold_out_goes_back_once(till: Till) -> None:
    sku = product(till.stores, quantity=2)
    order_id = order(till.stores, sku, qty=2)
    till.pay(order_id)
    till.expire(order_id)
    till.paid(sku)
    assert till.settle(order_id) is OrderStatus.REFUNDED
    assert till.settle(order_id) is OrderStatus.REFUNDED
    assert till.level(sku) == (1, 0)
    work(till.process, rounds=2)
    assert till.view(order_id).payment_status is PaymentStatus.REFUNDED
    assert till.refunded(order_id) == 2400
    assert len(refunds_of(till.address, till.intent(order_id))) == 1


def test_12_a_late_payment_takes_nothing_that_somebody_else_holds(till: Till) -> None:
    sku = product(till.stores, quantity=2)
    order_id = order(till.stores, sku, qty=2)
    till.pay(order_id)
    till.expire(order_id)
    order(till.stores, sku)
    assert till.settle(order_id) is OrderStatus.REFUNDED
    assert till.level(sku) == (2, 1)


def test_12_of_two_lines_one_short_neither_is_taken_again(till: Till) -> None:
    first, second = product(till.stores, quantity=5), product(till.stores, quantity=1)
    order_id = order(till.stores, first, second)
    till.pay(order_id)
    till.expire(order_id)
    order(till.stores, second)
    assert till.settle(order_id) is OrderStatus.REFUNDED
    assert till.level(first) == (5, 0)


def test_28_paid_after_its_lines_went_back_into_the_cart_goes_back(till: Till) -> None:
    sku, user_id = product(till.stores, quantity=9), shopper()
    order_id = order(till.stores, sku, user_id=user_id)
    till.pay(order_id)
    till.expire(order_id)
    assert carts.put_back(till.stores, user_id, order_id) == 1
    assert till.settle(order_id) is OrderStatus.REFUNDED
    due = next(event for event in till.view(order_id).events if event.kind is EventKind.REFUND_DUE)
    assert due.data["reason"] == "ordered_again"
    assert till.level(sku) == (9, 0)


def test_cancelled_then_paid_goes_back(till: Till) -> None:
    order_id = order(till.stores)
    till.pay(order_id)
    cancellation._cancel(till.stores, order_id, till.view(order_id).external_ref, Actor.SHOPPER, uuid4())
    assert till.settle(order_id) is OrderStatus.REFUNDED
    work(till.process)
    assert till.view(order_id).payment_status is PaymentStatus.REFUNDED
    assert till.refunded(order_id) == 1200


def test_14_twenty_late_settlements_and_an_expiry_at_once_agree(till: Till) -> None:
    sku = product(till.stores, quantity=1)
    order_id = order(till.stores, sku)
    till.pay(order_id)
    lapse(till.stores, order_id)
    done = at_once(
        *[lambda: till.settle(order_id)] * 6,
        *[lambda: holds.expire_lapsed(till.process.stores(), till.process.stripe)] * 2,
    )
    assert done.errors == []
    assert till.view(order_id).status is OrderStatus.PAID
    assert till.level(sku) == (0, 0)


# --- not known


def test_a_return_while_stripe_is_away_reads_checking_and_never_failed(till: Till) -> None:
    order_id = order(till.stores)
    till.pay(order_id)
    with unavailable(till.address):
        with pytest.raises(PaymentUnavailable):
            till.settle(order_id)
        settlement.note_checking(till.stores, order_id)
    view = till.view(order_id)
    assert view.checking
    assert view.payment_status is PaymentStatus.PENDING
    assert till.settle(order_id) is OrderStatus.PAID
    assert not till.view(order_id).checking


def test_13_checking_ends_when_stripe_says_that_nothing_was_paid(till: Till) -> None:
    order_id = order(till.stores)
    till.start(order_id)
    settlement.note_checking(till.stores, order_id)
    till.settle(order_id)
    assert not till.view(order_id).checking


def test_checking_begins_anew_at_every_unknown_outcome(till: Till) -> None:
    order_id = order(till.stores)
    till.start(order_id)
    for _ in range(3):
        settlement.note_checking(till.stores, order_id)
        settlement.note_checking(till.stores, order_id)
        assert till.view(order_id).checking
        till.settle(order_id)
        till.settle(order_id)
        assert not till.view(order_id).checking
    assert till.kinds(order_id).count(EventKind.PAYMENT_CHECKING) == 3


def test_a_decline_after_checking_is_told_as_a_decline(till: Till) -> None:
    order_id = order(till.stores)
    pay_page(till.start(order_id), DECLINED_CARD)
    settlement.note_checking(till.stores, order_id)
    till.settle(order_id)
    view = till.view(order_id)
    assert not view.checking
    assert view.payment_status is PaymentStatus.FAILED


def test_a_payment_under_way_at_the_bank_reads_checking_and_cannot_be_started_or_cancelled(
    till: Till,
) -> None:
    order_id = order(till.stores)
    till.start(order_id)
    ref = till.view(order_id).external_ref or ""
    under_way = Attempt(ref, AttemptState.PROCESSING, 0, "USD", intent="pi_x")
    till.process.stripe = otherwise(
        till.process.stripe, retrieve=lambda _: under_way, close=lambda _: under_way
    )
    ways: tuple[Callable[[], object], ...] = (
        lambda: till.start(order_id),
        lambda: cancellation.cancel(till.stores, till.process.stripe, order_id, by=Actor.SHOPPER),
    )
    for way in ways:
        with pytest.raises(PaidMeanwhile, match="checking"):
            way()
    view = till.view(order_id)
    assert view.status is OrderStatus.PENDING
    assert view.checking


def test_a_paid_order_is_not_checking(till: Till) -> None:
    order_id = till.paid()
    settlement.note_checking(till.stores, order_id)
    assert not till.view(order_id).checking
    assert EventKind.PAYMENT_CHECKING not in till.kinds(order_id)


# --- bounds


def test_no_connection_is_held_while_stripe_is_asked(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """I14: a call to Stripe inside a transaction would show as a connection taken from the pool."""
    pool = till.process.engines.writer.pool
    stripe = till.process.stripe
    held: list[tuple[str, int]] = []

    def watched(part: object, name: str) -> None:
        real = getattr(part, name)

        def call(*args: object) -> object:
            held.append((name, pool.checkedout()))  # type: ignore[attr-defined]
            return real(*args)

        monkeypatch.setattr(part, name, call)

    for part, name in (
        (stripe, "retrieve"),
        (stripe, "open_checkout"),
        (stripe, "close"),
        (stripe.refunds, "give"),
        (stripe.refunds, "of"),
    ):
        watched(part, name)
    first, second = order(till.stores), order(till.stores)
    till.pay(first)
    till.start(second)
    till.settle(first)
    cancellation.cancel(till.process.stores(), stripe, second, by=Actor.SHOPPER)
    refunds.refund(till.process.stores(), first, restock=True, reason=RefundReason.OPERATOR)
    third = order(till.stores)
    till.start(third)
    lapse(till.stores, third)
    work(till.process)
    assert {name for name, _ in held} >= {"retrieve", "open_checkout", "close", "give", "of"}
    assert [one for one in held if one[1]] == []
    assert till.view(third).status is OrderStatus.EXPIRED
    assert till.view(first).payment_status is PaymentStatus.REFUNDED
