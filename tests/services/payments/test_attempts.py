"""Attempts: one live payment object an order, its id stored before it can be paid."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from storefront.domain.errors import (
    HoldLapsed,
    NotFound,
    PaidMeanwhile,
    PaymentRefused,
    PaymentUnavailable,
)
from storefront.domain.orders import EventKind, OrderStatus
from storefront.payments.provider import Attempt
from storefront.process import Process
from storefront.services import holds
from storefront.services.payments import attempts
from storefront.services.payments.attempts import ReturnAddresses
from storefront.stores import Stores
from tests.support.concurrency import at_once
from tests.support.factories import lapse, order, pay_page, product, shopper
from tests.support.otherwise import otherwise
from tests.support.stripe_control import api, fault, sessions_of
from tests.support.till import Till, open_page


@pytest.fixture
def till(process: Process, stripe: str) -> Till:
    return Till(process, stripe)


def test_the_page_that_is_open_is_used_again(till: Till) -> None:
    order_id = order(till.stores)
    assert till.start(order_id) == till.start(order_id)
    assert len(sessions_of(till.address, order_id)) == 1
    assert till.kinds(order_id).count(EventKind.PAYMENT_STARTED) == 1


def test_the_page_asks_for_the_frozen_total_and_names_the_order(till: Till) -> None:
    sku = product(till.stores, price=1234)
    order_id = order(till.stores, sku, qty=3)
    till.start(order_id)
    (session,) = sessions_of(till.address, order_id)
    view = till.view(order_id)
    assert (session["amount_total"], session["currency"]) == (3702, "usd")
    assert session["client_reference_id"] == str(order_id)
    assert session["expires_at"] == int(
        (view.created_at + timedelta(minutes=30) + timedelta(minutes=35)).timestamp()
    )


def test_the_attempts_id_is_stored_before_the_shopper_gets_its_address(till: Till) -> None:
    order_id = order(till.stores)
    url = till.start(order_id)
    ref = till.view(order_id).external_ref
    assert ref is not None
    assert ref in url


@pytest.mark.parametrize("action", ["drop_before", "drop_after"])
def test_4_a_call_or_an_answer_that_is_lost_still_makes_one_page(till: Till, action: str) -> None:
    order_id = order(till.stores)
    # Twice: stripe-python repeats a call once by itself.
    with fault(till.address, "POST /v1/checkout/sessions", action, 2):
        with pytest.raises(PaymentUnavailable):
            till.start(order_id)
        assert till.view(order_id).external_ref is None
    pay_page(till.start(order_id))
    assert len(sessions_of(till.address, order_id)) == 1
    assert till.settle(order_id) is OrderStatus.PAID


def test_a_call_lost_once_is_repeated_without_anybody_noticing(till: Till) -> None:
    order_id = order(till.stores)
    with fault(till.address, "POST /v1/checkout/sessions", "drop_after", 1):
        till.start(order_id)
    assert len(sessions_of(till.address, order_id)) == 1


def test_an_extension_between_two_tries_of_one_key_does_not_change_what_is_asked(till: Till) -> None:
    """Stripe refuses a key that comes back with other parameters."""
    order_id = order(till.stores)
    with (
        fault(till.address, "POST /v1/checkout/sessions", "drop_after", 2),
        pytest.raises(PaymentUnavailable),
    ):
        till.start(order_id)
    holds.extend(till.stores, order_id)
    till.start(order_id)
    assert len(sessions_of(till.address, order_id)) == 1


def test_8_eight_tabs_that_start_at_once_share_one_page(till: Till) -> None:
    order_id = order(till.stores)
    done = at_once(*[lambda: till.start(order_id)] * 8)
    # A tab may be told to try again, as Stripe refuses a key in use; it never gets a page of its own.
    assert done.kinds() <= {PaymentUnavailable}
    assert len(set(done.results)) == 1
    assert len(sessions_of(till.address, order_id)) == 1


def test_a_page_that_expired_at_stripe_is_followed_by_a_new_attempt(till: Till) -> None:
    order_id = order(till.stores)
    first = till.start(order_id)
    ref = till.view(order_id).external_ref
    api(till.address, "POST", f"checkout/sessions/{ref}/expire")
    second = till.start(order_id)
    assert second != first
    assert till.view(order_id).attempt == 2
    pay_page(second)
    assert till.settle(order_id) is OrderStatus.PAID


def test_a_definite_no_takes_a_fresh_key_for_the_next_try(till: Till) -> None:
    order_id = order(till.stores)
    wrong = ReturnAddresses("not an address", "http://127.0.0.1/cancel")
    with pytest.raises(PaymentRefused):
        attempts.start(till.stores, till.process.stripe, till.view(order_id), lambda *_: wrong)
    assert till.view(order_id).attempt == 2
    till.start(order_id)


def test_starting_a_paid_order_finds_the_payment_instead_of_taking_another(till: Till) -> None:
    order_id = order(till.stores)
    till.pay(order_id)
    with pytest.raises(PaidMeanwhile):
        till.start(order_id)
    assert till.view(order_id).status is OrderStatus.PAID
    with pytest.raises(PaidMeanwhile):
        till.start(order_id)
    assert len(sessions_of(till.address, order_id)) == 1


def test_what_is_not_held_any_more_cannot_be_paid(till: Till) -> None:
    order_id = order(till.stores)
    lapse(till.stores, order_id)
    with pytest.raises(HoldLapsed):
        till.start(order_id)
    assert sessions_of(till.address, order_id) == []


def test_a_hold_that_ends_while_stripe_answers_leaves_no_open_page(till: Till) -> None:
    order_id = order(till.stores)
    stripe = till.process.stripe
    make = stripe.open_checkout

    def slow(request: object) -> Attempt:
        attempt = make(request)  # type: ignore[arg-type]
        lapse(till.stores, order_id)
        return attempt

    till.process.stripe = otherwise(stripe, open_checkout=slow)
    with pytest.raises(HoldLapsed):
        till.start(order_id)
    (session,) = sessions_of(till.address, order_id)
    assert session["status"] == "expired"
    assert till.view(order_id).external_ref is None


def test_an_order_that_never_was_can_neither_be_started_nor_settled(till: Till) -> None:
    for call in (till.start, till.settle):
        with pytest.raises(NotFound):
            call(shopper())


def test_a_stripe_that_hangs_is_given_up_within_five_seconds(till: Till) -> None:
    order_id = order(till.stores)
    with fault(till.address, "POST /v1/checkout/sessions", "delay:6", 4):
        started = time.monotonic()
        with pytest.raises(PaymentUnavailable):
            till.start(order_id)
        assert time.monotonic() - started < 5.5


def test_a_failure_that_stripe_remembers_does_not_keep_an_order_from_being_paid(
    process: Process, stores: Stores, stripe: str
) -> None:
    order_id = order(stores)
    with fault(stripe, "POST /v1/checkout/sessions", "status:500"), pytest.raises(PaymentUnavailable):
        open_page(process, order_id)
    assert pay_page(open_page(process, order_id)).status_code == 303
