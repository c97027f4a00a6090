"""Payments: every one of them ends well, whatever is lost, repeated or late."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from factories import DECLINED_CARD, back, lapse, order, pay_page, product, shopper
from sqlalchemy import text
from stripe_control import advance, api, away, fault, refunds_of, sessions_of
from together import at_once
from working import work

from storefront.domain.errors import (
    HoldLapsed,
    IllegalTransition,
    NotFound,
    PaidMeanwhile,
    PaymentRefused,
    PaymentUnavailable,
)
from storefront.domain.orders import Kind, OrderStatus, OrderView, PaymentStatus, Provider
from storefront.payments.provider import Attempt, AttemptState, RefundState
from storefront.process import Process
from storefront.services import cancellation, carts, expiry, payments
from storefront.services.payments import ReturnAddresses
from storefront.stores import Stores

REFUND_FAILS = "4000000000005126"
REFUND_PENDING = "4000000000007726"
DISPUTED = "4000000000000259"


class Till:
    """A shop's payments on Stripe's stand-in, in few words."""

    def __init__(self, process: Process, address: str) -> None:
        self.process = process
        self.address = address
        self.stores = process.stores()

    def start(self, order_id: UUID) -> str:
        return payments.start(self.process.stores(), self.process.stripe, order_id, back, "USD")

    def settle(self, order_id: UUID) -> OrderStatus:
        return payments.settle(self.process.stores(), self.process.stripe, order_id, "USD")

    def pay(self, order_id: UUID, card: str = "4242424242424242") -> None:
        """The shopper pays; the shop has not heard of it yet."""
        pay_page(self.start(order_id), card)

    def paid(self, *skus: str, card: str = "4242424242424242", qty: int = 1) -> UUID:
        order_id = order(self.stores, *skus, qty=qty)
        self.pay(order_id, card)
        assert self.settle(order_id) is OrderStatus.PAID
        return order_id

    def view(self, order_id: UUID) -> OrderView:
        return self.process.stores().orders.view(order_id)

    def kinds(self, order_id: UUID) -> list[Kind]:
        return [event.kind for event in self.view(order_id).events]

    def intent(self, order_id: UUID) -> str:
        """The one PaymentIntent of the order's one paid session."""
        (paid,) = [one for one in sessions_of(self.address, order_id) if one["payment_status"] == "paid"]
        return str(paid["payment_intent"])

    def refunded(self, order_id: UUID) -> int:
        """Cents Stripe gave back."""
        return sum(
            one["amount"]
            for one in refunds_of(self.address, self.intent(order_id))
            if one["status"] in ("succeeded", "pending")
        )

    def refund(self, order_id: UUID) -> RefundState:
        ref = self.view(order_id).external_ref
        assert ref is not None
        return payments.finish_refund(self.process.stores(), self.process.stripe, order_id, ref)

    def expire(self, order_id: UUID) -> None:
        """The hold ends as the worker ends it, while the page stays payable: the worst case."""
        lapse(self.stores, order_id)
        expiry._release(self.stores, [order_id])


@pytest.fixture
def till(process: Process, stripe: str) -> Till:
    return Till(process, stripe)


def level(stores: Stores, sku: str) -> tuple[int, int]:
    found = stores.stock.level(sku)
    return found.quantity, found.reserved


def captured(order_: OrderView, *, cents: int | None = None, currency: str = "USD") -> Attempt:
    """What Stripe would tell of the order's own attempt, paid with some amount."""
    return Attempt(
        ref=order_.external_ref or "",
        state=AttemptState.CAPTURED,
        captured_cents=order_.total_cents if cents is None else cents,
        currency=currency,
        intent="pi_of_tests",
        order_id=str(order_.order_id),
    )


# --- starting


def test_the_page_that_is_open_is_used_again(till: Till) -> None:
    order_id = order(till.stores)
    assert till.start(order_id) == till.start(order_id)
    assert len(sessions_of(till.address, order_id)) == 1
    assert till.kinds(order_id).count(Kind.PAYMENT_STARTED) == 1


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
    expiry.extend(till.stores, order_id)
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


def test_a_definite_no_takes_a_fresh_key_for_the_next_try(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = order(till.stores)
    wrong = ReturnAddresses("not an address", "http://127.0.0.1/cancel")
    with pytest.raises(PaymentRefused):
        payments.start(till.stores, till.process.stripe, order_id, lambda *_: wrong, "USD")
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


def test_a_hold_that_ends_while_stripe_answers_leaves_no_open_page(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = order(till.stores)
    stripe = till.process.stripe
    make = stripe.open_checkout

    def slow(request: object) -> Attempt:
        attempt = make(request)  # type: ignore[arg-type]
        lapse(till.stores, order_id)
        return attempt

    monkeypatch.setattr(stripe, "open_checkout", slow)
    with pytest.raises(HoldLapsed):
        till.start(order_id)
    (session,) = sessions_of(till.address, order_id)
    assert session["status"] == "expired"
    assert till.view(order_id).external_ref is None


def test_an_order_that_never_was_can_neither_be_started_nor_settled(till: Till) -> None:
    for call in (till.start, till.settle):
        with pytest.raises(NotFound):
            call(shopper())


# --- settling


def test_paid_means_that_the_units_leave_the_stock(till: Till) -> None:
    sku = product(till.stores, quantity=10)
    order_id = till.paid(sku, qty=4)
    assert level(till.stores, sku) == (6, 0)
    view = till.view(order_id)
    assert view.payment_status is PaymentStatus.CAPTURED
    assert till.kinds(order_id)[-1] is Kind.PAID


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
    assert view.events[-1].kind is Kind.PAYMENT_FAILED
    assert "declined" in view.events[-1].data["message"]
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
    assert till.kinds(order_id).count(Kind.PAID) == 1
    assert level(till.stores, sku) == (8, 0)


def test_control_without_the_orders_lock_a_payment_takes_the_stock_more_than_once(
    till: Till, monkeypatch: pytest.MonkeyPatch, unsound: None
) -> None:
    from sqlalchemy import select

    from storefront.domain.orders import Order, Payment
    from storefront.repositories.aurora.orders import Orders

    def unlocked(self: Orders, order_id: UUID) -> tuple[Order, Payment]:
        found = self._db.session.execute(
            select(Order, Payment)
            .join(Payment, Payment.order_id == Order.order_id)
            .where(Order.order_id == order_id)
        ).one()
        self._db.session.execute(text("SELECT pg_sleep(0.05)"))
        return found[0], found[1]

    monkeypatch.setattr(Orders, "lock", unlocked)
    sku = product(till.stores, quantity=100)
    order(till.stores, sku, qty=50)  # so that the CHECK on reserved does not stop it first
    order_id = order(till.stores, sku, qty=2)
    till.pay(order_id)
    at_once(*[lambda: till.settle(order_id)] * 4)
    assert level(till.stores, sku)[0] < 98


@pytest.mark.parametrize(
    ("cents", "currency"), [(1, "USD"), (1199, "USD"), (1201, "USD"), (1200, "EUR"), (0, "USD")]
)
def test_26_a_captured_amount_or_currency_that_is_not_the_orders_goes_back_and_is_flagged(
    till: Till, cents: int, currency: str
) -> None:
    sku = product(till.stores, price=1200, quantity=5)
    order_id = order(till.stores, sku)
    till.start(order_id)
    told = captured(till.view(order_id), cents=cents, currency=currency)
    assert payments.apply(till.stores, order_id, told, "USD") is OrderStatus.REFUNDED
    view = till.view(order_id)
    assert view.payment_status is PaymentStatus.REFUNDING
    assert {Kind.REFUND_DUE, Kind.FLAGGED} <= set(till.kinds(order_id))
    assert level(till.stores, sku) == (5, 0), "what was held is free again, and nothing was sold"


def test_the_state_of_another_attempt_moves_nothing(till: Till) -> None:
    order_id = order(till.stores)
    till.start(order_id)
    for state in (AttemptState.CLOSED, AttemptState.PROCESSING, AttemptState.OPEN):
        told = Attempt("cs_of_somebody", state, 0, "USD", failure="declined")
        assert payments.apply(till.stores, order_id, told, "USD") is OrderStatus.PENDING
    assert till.view(order_id).payment_status is PaymentStatus.PENDING
    assert till.view(order_id).checking is False


# --- late


def test_12_paid_after_expiry_with_stock_left_takes_the_stock_again(till: Till) -> None:
    sku = product(till.stores, quantity=2)
    order_id = order(till.stores, sku, qty=2)
    till.pay(order_id)
    till.expire(order_id)
    assert till.settle(order_id) is OrderStatus.PAID
    assert level(till.stores, sku) == (0, 0)
    assert till.kinds(order_id)[-1] is Kind.PAID_LATE


def test_13_paid_after_expiry_and_sold_out_goes_back_once(till: Till) -> None:
    sku = product(till.stores, quantity=2)
    order_id = order(till.stores, sku, qty=2)
    till.pay(order_id)
    till.expire(order_id)
    till.paid(sku)
    assert till.settle(order_id) is OrderStatus.REFUNDED
    assert till.settle(order_id) is OrderStatus.REFUNDED
    assert level(till.stores, sku) == (1, 0)
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
    assert level(till.stores, sku) == (2, 1)


def test_12_of_two_lines_one_short_neither_is_taken_again(till: Till) -> None:
    first, second = product(till.stores, quantity=5), product(till.stores, quantity=1)
    order_id = order(till.stores, first, second)
    till.pay(order_id)
    till.expire(order_id)
    order(till.stores, second)
    assert till.settle(order_id) is OrderStatus.REFUNDED
    assert level(till.stores, first) == (5, 0)


def test_28_paid_after_its_lines_went_back_into_the_cart_goes_back(till: Till) -> None:
    sku, user_id = product(till.stores, quantity=9), shopper()
    order_id = order(till.stores, sku, user_id=user_id)
    till.pay(order_id)
    till.expire(order_id)
    assert carts.put_back(till.stores, user_id, order_id) == 1
    assert till.settle(order_id) is OrderStatus.REFUNDED
    due = next(event for event in till.view(order_id).events if event.kind is Kind.REFUND_DUE)
    assert due.data["reason"] == "ordered_again"
    assert level(till.stores, sku) == (9, 0)


def test_cancelled_then_paid_goes_back(till: Till) -> None:
    order_id = order(till.stores)
    till.pay(order_id)
    cancellation._cancel(till.stores, order_id, till.view(order_id).external_ref, "shopper")
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
        *[lambda: expiry.expire_lapsed(till.process.stores(), till.process.stripe, "USD")] * 2,
    )
    assert done.errors == []
    assert till.view(order_id).status is OrderStatus.PAID
    assert level(till.stores, sku) == (0, 0)


# --- second captures


def second_page(till: Till, order_id: UUID) -> str:
    """A page nobody should have: the shop has lost sight of it, and it can be paid."""
    session = api(
        till.address,
        "POST",
        "checkout/sessions",
        **{
            "mode": "payment",
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": "usd",
            "line_items[0][price_data][unit_amount]": "1200",
            "line_items[0][price_data][product_data][name]": "Thing",
            "metadata[order_id]": str(order_id),
            "success_url": "http://127.0.0.1/",
        },
    )
    pay_page(session["url"])
    return str(session["id"])


def test_a_second_capture_goes_back_by_its_own_id_and_the_first_stays(till: Till) -> None:
    order_id = till.paid()
    stray = second_page(till, order_id)
    told = till.process.stripe.look(stray)
    for _ in range(3):
        payments.apply(till.stores, order_id, told, "USD")
    assert till.kinds(order_id).count(Kind.STRAY_CAPTURE) == 1
    work(till.process, rounds=2)
    assert told.intent is not None
    assert [one["amount"] for one in refunds_of(till.address, told.intent)] == [1200]
    assert till.kinds(order_id).count(Kind.STRAY_REFUNDED) == 1
    view = till.view(order_id)
    assert view.payment_status is PaymentStatus.CAPTURED
    own = till.process.stripe.look(view.external_ref or "").intent
    assert refunds_of(till.address, own or "") == []


def test_a_second_capture_waits_while_stripe_is_away_and_then_goes_back_once(till: Till) -> None:
    order_id = till.paid()
    told = till.process.stripe.look(second_page(till, order_id))
    payments.apply(till.stores, order_id, told, "USD")
    with away(till.address), pytest.raises(PaymentUnavailable):
        payments.finish_strays(till.stores, till.process.stripe)
    assert payments.finish_strays(till.stores, till.process.stripe) == 1
    assert payments.finish_strays(till.stores, till.process.stripe) == 0


def test_a_second_capture_that_stripe_does_not_know_is_flagged_and_holds_up_no_other(till: Till) -> None:
    odd, order_id = till.paid(), till.paid()
    payments.apply(
        till.stores, odd, Attempt("cs_gone", AttemptState.CAPTURED, 1200, "USD", intent="pi_gone"), "USD"
    )
    payments.apply(till.stores, order_id, till.process.stripe.look(second_page(till, order_id)), "USD")
    assert payments.finish_strays(till.stores, till.process.stripe) == 2
    assert Kind.FLAGGED in till.kinds(odd)
    assert Kind.STRAY_REFUNDED in till.kinds(order_id)
    assert payments.finish_strays(till.stores, till.process.stripe) == 0


# --- refunds


def refunding(till: Till, card: str = "4242424242424242") -> UUID:
    order_id = till.paid(card=card)
    payments.refund(till.stores, order_id, restock=True, by="operator")
    return order_id


def test_a_refund_with_restocking_puts_the_units_back(till: Till) -> None:
    sku = product(till.stores, quantity=5)
    order_id = till.paid(sku, qty=2)
    payments.refund(till.stores, order_id, restock=True, by="operator")
    assert level(till.stores, sku) == (5, 0)
    assert till.view(order_id).payment_status is PaymentStatus.REFUNDING


def test_a_refund_without_restocking_keeps_them_out(till: Till) -> None:
    sku = product(till.stores, quantity=5)
    payments.refund(till.stores, till.paid(sku, qty=2), restock=False, by="operator")
    assert level(till.stores, sku) == (3, 0)


def test_what_was_not_paid_cannot_be_refunded_and_its_stock_stays_right(till: Till) -> None:
    sku = product(till.stores, quantity=5)
    order_id = order(till.stores, sku, qty=2)
    with pytest.raises(IllegalTransition):
        payments.refund(till.stores, order_id, restock=True, by="operator")
    assert level(till.stores, sku) == (5, 2)
    till.expire(order_id)
    with pytest.raises(IllegalTransition):
        payments.refund(till.stores, order_id, restock=True, by="operator")
    assert level(till.stores, sku) == (5, 0)


def test_what_went_back_cannot_go_back_again(till: Till) -> None:
    order_id = refunding(till)
    with pytest.raises(IllegalTransition):
        payments.refund(till.stores, order_id, restock=True, by="operator")


def test_a_free_order_is_refunded_without_stripe(process: Process, stores: Stores) -> None:
    sku = product(stores, price=0, quantity=3)
    order_id = order(stores, sku)
    payments.refund(stores, order_id, restock=True, by="operator")
    view = stores.orders.head(order_id)
    assert (view.provider, view.payment_status) == (Provider.NONE, PaymentStatus.REFUNDED)
    assert level(stores, sku) == (3, 0)


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
        till.refund(order_id)
    assert till.view(order_id).payment_status is PaymentStatus.REFUNDING
    assert till.refund(order_id) is RefundState.DONE
    assert till.view(order_id).payment_status is PaymentStatus.REFUNDED
    assert len(refunds_of(till.address, till.intent(order_id))) == 1


def test_27_a_500_that_stripe_remembers_for_the_key_does_not_become_a_second_refund(till: Till) -> None:
    order_id = refunding(till)
    with fault(till.address, "POST /v1/refunds", "status:500", 1), pytest.raises(PaymentUnavailable):
        till.refund(order_id)
    # The same key is answered with the same 500; a person has to look, and money does not go twice.
    with pytest.raises(PaymentUnavailable):
        till.refund(order_id)
    assert refunds_of(till.address, till.intent(order_id)) == []
    assert till.view(order_id).payment_status is PaymentStatus.REFUNDING


def test_27_two_workers_refund_once(till: Till) -> None:
    order_id = refunding(till)
    done = at_once(*[lambda: till.refund(order_id)] * 4)
    assert done.kinds() <= {PaymentUnavailable}
    till.refund(order_id)
    assert len(refunds_of(till.address, till.intent(order_id))) == 1
    assert till.kinds(order_id).count(Kind.REFUND_DONE) == 1


def test_what_an_operator_refunded_at_stripe_counts_as_done(till: Till) -> None:
    order_id = refunding(till)
    api(till.address, "POST", "refunds", payment_intent=till.intent(order_id))
    assert till.refund(order_id) is RefundState.DONE
    assert till.refunded(order_id) == 1200


def test_a_pending_refund_is_asked_about_until_it_is_done(till: Till) -> None:
    order_id = refunding(till, REFUND_PENDING)
    assert till.refund(order_id) is RefundState.PENDING
    assert till.view(order_id).payment_status is PaymentStatus.REFUNDING
    advance(till.address, 5)
    assert till.refund(order_id) is RefundState.DONE
    assert till.view(order_id).payment_status is PaymentStatus.REFUNDED


def test_a_refund_that_the_bank_sends_back_is_told_and_not_tried_for_ever(till: Till) -> None:
    order_id = refunding(till, REFUND_FAILS)
    assert till.refund(order_id) is RefundState.DONE
    advance(till.address, 5)
    assert till.refund(order_id) is RefundState.REFUSED
    assert till.kinds(order_id).count(Kind.REFUND_REFUSED) == 1
    work(till.process)
    assert len(refunds_of(till.address, till.intent(order_id))) == 1


def test_a_refund_that_stripe_refuses_is_flagged_and_left_to_a_person(till: Till) -> None:
    order_id = till.paid(card=DISPUTED)
    payments.refund(till.stores, order_id, restock=False, by="operator")
    assert till.refund(order_id) is RefundState.REFUSED
    assert till.view(order_id).payment_status is PaymentStatus.REFUNDING
    assert till.kinds(order_id).count(Kind.REFUND_REFUSED) == 1
    with till.stores.transaction():
        assert till.stores.orders.claim_refunding(10, expiry.LEASE) == []


def test_a_failed_refund_of_a_paid_order_does_not_keep_ours_from_being_tried(till: Till) -> None:
    """An operator refunds a part at Stripe's dashboard and the bank sends it back; then it is refunded."""
    order_id = till.paid()
    payments.record_refund(till.stores, order_id, RefundState.REFUSED)
    payments.refund(till.stores, order_id, restock=False, by="operator")
    with till.stores.transaction():
        assert [one for one, _ in till.stores.orders.claim_refunding(10, expiry.LEASE)] == [order_id]


# --- what is not known


def test_a_return_while_stripe_is_away_reads_checking_and_never_failed(till: Till) -> None:
    order_id = order(till.stores)
    till.pay(order_id)
    with away(till.address):
        with pytest.raises(PaymentUnavailable):
            till.settle(order_id)
        payments.note_checking(till.stores, order_id)
    view = till.view(order_id)
    assert view.checking
    assert view.payment_status is PaymentStatus.PENDING
    assert till.settle(order_id) is OrderStatus.PAID
    assert not till.view(order_id).checking


def test_13_checking_ends_when_stripe_says_that_nothing_was_paid(till: Till) -> None:
    order_id = order(till.stores)
    till.start(order_id)
    payments.note_checking(till.stores, order_id)
    till.settle(order_id)
    assert not till.view(order_id).checking


def test_checking_begins_anew_at_every_unknown_outcome(till: Till) -> None:
    order_id = order(till.stores)
    till.start(order_id)
    for _ in range(3):
        payments.note_checking(till.stores, order_id)
        payments.note_checking(till.stores, order_id)
        assert till.view(order_id).checking
        till.settle(order_id)
        till.settle(order_id)
        assert not till.view(order_id).checking
    assert till.kinds(order_id).count(Kind.PAYMENT_CHECKING) == 3


def test_a_decline_after_checking_is_told_as_a_decline(till: Till) -> None:
    order_id = order(till.stores)
    pay_page(till.start(order_id), DECLINED_CARD)
    payments.note_checking(till.stores, order_id)
    till.settle(order_id)
    view = till.view(order_id)
    assert not view.checking
    assert view.payment_status is PaymentStatus.FAILED


def test_a_payment_under_way_at_the_bank_reads_checking_and_cannot_be_started_or_cancelled(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = order(till.stores)
    till.start(order_id)
    ref = till.view(order_id).external_ref or ""
    under_way = Attempt(ref, AttemptState.PROCESSING, 0, "USD", intent="pi_x")
    monkeypatch.setattr(till.process.stripe, "look", lambda _: under_way)
    ways: tuple[Callable[[], object], ...] = (
        lambda: till.start(order_id),
        lambda: cancellation.cancel(till.stores, till.process.stripe, order_id, "USD", by="shopper"),
    )
    for way in ways:
        with pytest.raises(PaidMeanwhile, match="checking"):
            way()
    view = till.view(order_id)
    assert view.status is OrderStatus.PENDING
    assert view.checking


def test_a_paid_order_is_not_checking(till: Till) -> None:
    order_id = till.paid()
    payments.note_checking(till.stores, order_id)
    assert not till.view(order_id).checking
    assert Kind.PAYMENT_CHECKING not in till.kinds(order_id)


# --- bounds


def test_no_connection_is_held_while_stripe_is_asked(till: Till, monkeypatch: pytest.MonkeyPatch) -> None:
    """I14: a call to Stripe inside a transaction would show as a connection taken from the pool."""
    pool = till.process.engines.writer.pool
    stripe = till.process.stripe
    held: list[tuple[str, int]] = []

    def watched(name: str) -> None:
        real = getattr(stripe, name)

        def call(*args: object) -> object:
            held.append((name, pool.checkedout()))  # type: ignore[attr-defined]
            return real(*args)

        monkeypatch.setattr(stripe, name, call)

    for name in ("look", "open_checkout", "close", "refund", "refund_state"):
        watched(name)
    first, second = order(till.stores), order(till.stores)
    till.pay(first)
    till.start(second)
    till.settle(first)
    cancellation.cancel(till.process.stores(), stripe, second, "USD", by="shopper")
    payments.refund(till.process.stores(), first, restock=True, by="operator")
    third = order(till.stores)
    till.start(third)
    lapse(till.stores, third)
    work(till.process)
    assert {name for name, _ in held} >= {"look", "open_checkout", "close", "refund", "refund_state"}
    assert [one for one in held if one[1]] == []
    assert till.view(third).status is OrderStatus.EXPIRED
    assert till.view(first).payment_status is PaymentStatus.REFUNDED


def test_a_stripe_that_hangs_is_given_up_within_five_seconds(till: Till) -> None:
    order_id = order(till.stores)
    with fault(till.address, "POST /v1/checkout/sessions", "delay:6", 4):
        started = time.monotonic()
        with pytest.raises(PaymentUnavailable):
            till.start(order_id)
        assert time.monotonic() - started < 5.5


def test_a_part_refunded_at_the_dashboard_does_not_count_as_the_whole(
    process: Process, stores: Stores, stripe: str
) -> None:
    order_id = order(stores)
    assert pay_page(payments.start(stores, process.stripe, order_id, back, "USD")).status_code == 303
    payments.settle(stores, process.stripe, order_id, "USD")
    ref = stores.orders.head(order_id).external_ref
    assert ref is not None
    intent = process.stripe.look(ref).intent
    assert intent is not None
    process.stripe._client.v1.refunds.create({"payment_intent": intent, "amount": 100})
    assert process.stripe.refund_state(intent) is None
    payments.refund(stores, order_id, restock=True, by="operator")
    assert payments.finish_refund(stores, process.stripe, order_id, ref) is RefundState.DONE
    assert process.stripe.refund_state(intent) is RefundState.DONE
    assert stores.orders.head(order_id).payment_status is PaymentStatus.REFUNDED


def test_a_failure_that_stripe_remembers_does_not_keep_an_order_from_being_paid(
    process: Process, stores: Stores, stripe: str
) -> None:
    order_id = order(stores)
    with fault(stripe, "POST /v1/checkout/sessions", "status:500"), pytest.raises(PaymentUnavailable):
        payments.start(stores, process.stripe, order_id, back, "USD")
    assert pay_page(payments.start(stores, process.stripe, order_id, back, "USD")).status_code == 303
