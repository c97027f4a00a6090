"""Charging a saved card: one charge at most, whatever is lost, repeated or asked for."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from sqlalchemy import text

from storefront.domain.errors import HoldLapsed, PaidMeanwhile, PaymentUnavailable, TooManyDeclines
from storefront.domain.orders import Actor, EventKind, OrderStatus
from storefront.domain.payments import PaymentStatus
from storefront.payments.provider import Attempt
from storefront.services import cancellation, holds
from storefront.services.payments import attempts, charging, paying, settlement, webhooks
from storefront.services.payments.attempts import ReturnAddresses
from storefront.services.payments.charging import Onward
from tests.support.concurrency import at_once
from tests.support.factories import lapse, pay_page, product
from tests.support.otherwise import otherwise
from tests.support.saved_cards import ASKS_ALWAYS, DECLINES_LATER, MASTERCARD, VISA, Customer, intents_of
from tests.support.stripe_control import api, events_of, fault, refunds_of, sessions_of, signed, unavailable
from tests.support.till import Till
from tests.support.worker import work


def test_a_saved_card_pays_in_one_step(till: Till) -> None:
    sku = product(till.process.stores(), price=1234, quantity=5)
    order_id = till.order(sku)
    token = till.ada.keep()
    assert till.charge(order_id, token) is Onward.ORDER
    view = till.view(order_id)
    assert (view.status, view.payment_status) == (OrderStatus.PAID, PaymentStatus.CAPTURED)
    (intent,) = intents_of(till.address, order_id)
    assert view.external_ref == intent["id"]
    assert (intent["amount_received"], intent["currency"], intent["customer"]) == (
        1234,
        "usd",
        till.ada.stripe_id,
    )
    assert till.process.stores().stock.level(sku).quantity == 4
    assert till.kinds(order_id).count(EventKind.PAYMENT_STARTED) == 1


def test_nothing_that_can_move_money_is_called_before_its_id_is_stored(till: Till) -> None:
    order_id, token = till.order(), till.ada.keep()
    confirm = till.process.stripe.cards.confirm

    def look_first(ref: str, back: str) -> Attempt:
        assert till.view(order_id).external_ref == ref, "confirmed before its id was committed"
        (intent,) = intents_of(till.address, order_id)
        assert intent["status"] == "requires_confirmation"
        return confirm(ref, back)

    till.cards_otherwise(confirm=look_first)
    till.charge(order_id, token)
    assert till.view(order_id).status is OrderStatus.PAID


# --- declined


def test_a_declined_card_leaves_the_order_to_be_paid_otherwise(till: Till) -> None:
    order_id, token = till.order(), till.ada.keep(DECLINES_LATER)
    assert till.charge(order_id, token) is Onward.ORDER
    view = till.view(order_id)
    assert (view.status, view.payment_status, view.checking) == (
        OrderStatus.PENDING, PaymentStatus.FAILED, False,
    )  # fmt: skip
    assert "declined" in str(view.events[-1].data["message"])
    # Another saved card, by a new attempt:
    assert till.charge(order_id, till.ada.keep(MASTERCARD)) is Onward.ORDER
    after = till.view(order_id)
    assert (after.status, after.attempt) == (OrderStatus.PAID, 2)
    assert till.states(order_id) == ["canceled", "succeeded"]


def test_after_a_decline_stripes_page_pays_by_a_new_attempt(till: Till) -> None:
    order_id, token = till.order(), till.ada.keep(DECLINES_LATER)
    till.charge(order_id, token)
    pay_page(till.start(order_id))
    assert till.view(order_id).attempt == 2
    assert till.settle(order_id) is OrderStatus.PAID
    assert till.states(order_id) == ["canceled", "succeeded"]


def test_the_same_card_may_be_tried_again_after_a_decline(till: Till) -> None:
    order_id, token = till.order(), till.ada.keep(DECLINES_LATER)
    till.charge(order_id, token)
    till.charge(order_id, token)
    assert till.states(order_id) == ["canceled", "requires_payment_method"]
    assert till.view(order_id).attempt == 2
    assert till.kinds(order_id).count(EventKind.PAYMENT_FAILED) == 2


def test_the_webhook_of_a_decline_tells_nothing_new(till: Till) -> None:
    order_id, token = till.order(), till.ada.keep(DECLINES_LATER)
    till.charge(order_id, token)
    before = till.kinds(order_id)
    assert events_of(till.address, order_id, "payment_intent.payment_failed")
    assert till.settle(order_id) is OrderStatus.PENDING
    assert till.kinds(order_id) == before


def test_a_card_that_stripe_does_not_keep_any_more_reads_as_declined(till: Till) -> None:
    order_id, token = till.order(), till.ada.keep()
    api(till.address, "POST", f"payment_methods/{token}/detach")
    assert till.charge(order_id, token) is Onward.ORDER
    view = till.view(order_id)
    assert (view.payment_status, view.external_ref, view.attempt) == (PaymentStatus.FAILED, None, 2)
    assert "can't be used" in str(view.events[-1].data["message"])
    pay_page(till.start(order_id))
    assert till.view(order_id).payment_status is PaymentStatus.PENDING
    assert till.settle(order_id) is OrderStatus.PAID


def test_a_card_detached_between_the_two_calls_reads_as_declined(till: Till) -> None:
    order_id, token = till.order(), till.ada.keep()
    confirm = till.process.stripe.cards.confirm

    def detached_first(ref: str, back: str) -> Attempt:
        api(till.address, "POST", f"payment_methods/{token}/detach")
        return confirm(ref, back)

    till.cards_otherwise(confirm=detached_first)
    assert till.charge(order_id, token) is Onward.ORDER
    view = till.view(order_id)
    assert (view.status, view.payment_status) == (OrderStatus.PENDING, PaymentStatus.FAILED)


def test_a_card_of_another_customer_of_stripes_charges_nobody(till: Till) -> None:
    bob = Customer(till.process, till.address)
    order_id = till.order()
    assert till.charge(order_id, bob.keep()) is Onward.ORDER
    assert till.states(order_id) == []
    assert till.view(order_id).payment_status is PaymentStatus.FAILED


# --- the bank asks for more


def test_when_the_bank_asks_the_intent_is_cancelled_and_stripes_page_takes_over(till: Till) -> None:
    order_id, token = till.order(), till.ada.keep(ASKS_ALWAYS)
    assert till.charge(order_id, token) is Onward.HOSTED_PAGE
    assert till.states(order_id) == ["canceled"]
    url = till.start(order_id)
    view = till.view(order_id)
    assert (view.attempt, view.payment_status) == (2, PaymentStatus.PENDING)
    assert EventKind.PAYMENT_FAILED not in till.kinds(order_id)
    pay_page(url)
    assert till.settle(order_id) is OrderStatus.PAID


def test_an_intent_that_waits_for_the_shopper_is_not_left_behind_by_a_crash(till: Till) -> None:
    order_id, token = till.order(), till.ada.keep(ASKS_ALWAYS)

    def crash(ref: str) -> Attempt:
        raise RuntimeError("killed here")

    stripe = till.process.stripe
    till.process.stripe = otherwise(stripe, close=crash)
    with pytest.raises(RuntimeError):
        till.charge(order_id, token)
    till.process.stripe = stripe
    assert till.states(order_id) == ["requires_action"]
    assert till.settle(order_id) is OrderStatus.PENDING
    assert till.charge(order_id, till.ada.keep(VISA)) is Onward.ORDER
    assert till.view(order_id).status is OrderStatus.PAID
    assert till.states(order_id) == ["canceled", "succeeded"]


# --- lost


def test_4_a_charge_whose_answer_is_lost_reads_as_checking_until_the_worker_asks(till: Till) -> None:
    order_id, token = till.order(), till.ada.keep()
    with fault(till.address, "POST /v1/payment_intents/*/confirm", "drop_after", 1):
        assert till.charge(order_id, token) is Onward.ORDER
    view = till.view(order_id)
    assert (view.status, view.payment_status, view.checking) == (
        OrderStatus.PENDING, PaymentStatus.PENDING, True,
    )  # fmt: skip
    age(till, order_id)
    work(till.process)
    assert till.view(order_id).status in (OrderStatus.PAID, OrderStatus.PREPARING)
    assert till.states(order_id) == ["succeeded"]


def test_4_a_charge_that_never_arrived_turns_back_from_checking_to_open(till: Till) -> None:
    order_id, token = till.order(), till.ada.keep()
    with fault(till.address, "POST /v1/payment_intents/*/confirm", "drop_before", 1):
        till.charge(order_id, token)
    assert till.view(order_id).checking
    age(till, order_id)
    work(till.process)
    assert not till.view(order_id).checking
    assert till.states(order_id) == ["requires_confirmation"]
    till.charge(order_id, token)
    assert till.view(order_id).status is OrderStatus.PAID
    assert till.states(order_id) == ["succeeded"], "the intent of the first try went on"


@pytest.mark.parametrize("action", ["drop_before", "drop_after"])
def test_4_a_preparation_that_is_lost_charges_nothing_and_can_be_repeated(till: Till, action: str) -> None:
    order_id, token = till.order(), till.ada.keep()
    with fault(till.address, "POST /v1/payment_intents", action, 2), pytest.raises(PaymentUnavailable):
        till.charge(order_id, token)
    assert till.view(order_id).external_ref is None
    till.charge(order_id, token)
    assert till.view(order_id).status is OrderStatus.PAID
    assert till.states(order_id) == ["succeeded"]


def test_after_a_lost_preparation_stripes_page_may_be_taken_instead(till: Till) -> None:
    order_id, token = till.order(), till.ada.keep()
    with fault(till.address, "POST /v1/payment_intents", "drop_after", 2), pytest.raises(PaymentUnavailable):
        till.charge(order_id, token)
    pay_page(till.start(order_id))
    assert till.settle(order_id) is OrderStatus.PAID
    assert till.states(order_id) == ["requires_confirmation", "succeeded"], "the first was never confirmed"


def test_5_a_crash_after_the_charge_is_found_out_by_the_worker(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id, token = till.order(), till.ada.keep()

    def crash(*_: object) -> OrderStatus:
        raise RuntimeError("killed here")

    with monkeypatch.context() as patch:
        patch.setattr(settlement, "apply", crash)
        with pytest.raises(RuntimeError):
            till.charge(order_id, token)
    assert till.view(order_id).status is OrderStatus.PENDING
    age(till, order_id)
    work(till.process)
    assert till.view(order_id).status in (OrderStatus.PAID, OrderStatus.PREPARING)


def test_the_webhook_of_a_charge_pays_the_order(till: Till) -> None:
    order_id, token = till.order(), till.ada.keep()
    with fault(till.address, "POST /v1/payment_intents/*/confirm", "drop_after", 1):
        till.charge(order_id, token)
    (told,) = events_of(till.address, order_id, "payment_intent.succeeded")
    sent = signed(json.loads(json.dumps(told)))
    event = till.process.stripe.read_event(sent["data"], sent["headers"]["Stripe-Signature"])
    webhooks.handle(till.process.stores(), till.process.stripe, event)
    assert till.view(order_id).status is OrderStatus.PAID


def test_while_stripe_is_away_the_order_stands(till: Till) -> None:
    order_id, token, customer = till.order(), till.ada.keep(), till.ada.stripe_id
    with unavailable(till.address), pytest.raises(PaymentUnavailable):
        charging.charge(
            till.process.stores(),
            till.process.stripe,
            till.view(order_id),
            customer,
            token,
            "http://127.0.0.1/return",
        )
    view = till.view(order_id)
    assert (view.status, view.payment_status, view.checking) == (
        OrderStatus.PENDING, PaymentStatus.PENDING, False,
    )  # fmt: skip


# --- at once and twice


def test_15_eight_submits_at_once_are_one_charge(till: Till) -> None:
    order_id, token = till.order(), till.ada.keep()
    done = at_once(*[lambda: till.charge(order_id, token)] * 8)
    assert done.kinds() <= {PaidMeanwhile, PaymentUnavailable, HoldLapsed}
    till.settle(order_id)
    assert till.view(order_id).status is OrderStatus.PAID
    assert till.states(order_id) == ["succeeded"]
    assert EventKind.DUPLICATE_CAPTURE not in till.kinds(order_id)


def test_15_a_card_and_stripes_page_at_once_are_one_charge(till: Till) -> None:
    for _ in range(3):
        order_id, token = till.order(), till.ada.keep()
        done = at_once(
            *[lambda o=order_id, t=token: till.charge(o, t)] * 3,
            *[lambda o=order_id: till.start(o)] * 3,
        )
        assert done.kinds() <= {PaidMeanwhile, PaymentUnavailable, HoldLapsed}
        # Whoever got an address of Stripe's pays there, too.
        for url in {result for result in done.results if not isinstance(result, Onward)}:
            pay_page(url)
        till.settle(order_id)
        states = till.states(order_id)
        assert states.count("succeeded") <= 1, states


def test_15_two_cards_at_once_are_one_charge(till: Till) -> None:
    order_id, first, second = till.order(), till.ada.keep(), till.ada.keep(MASTERCARD)
    done = at_once(*[lambda: till.charge(order_id, first), lambda: till.charge(order_id, second)] * 3)
    assert done.kinds() <= {PaidMeanwhile, PaymentUnavailable, HoldLapsed}
    till.settle(order_id)
    assert till.states(order_id).count("succeeded") <= 1


def test_control_without_the_one_live_object_two_cards_are_charged(
    till: Till, monkeypatch: pytest.MonkeyPatch, unsound: None
) -> None:
    order_id, first, second = till.order(), till.ada.keep(), till.ada.keep(MASTERCARD)
    monkeypatch.setattr(attempts, "store_or_close", lambda *_: None)
    at_once(lambda: till.charge(order_id, first), lambda: till.charge(order_id, second))
    assert till.states(order_id).count("succeeded") == 2


def test_an_open_page_is_closed_before_a_card_is_charged(till: Till) -> None:
    order_id, token = till.order(), till.ada.keep()
    url = till.start(order_id)
    till.charge(order_id, token)
    assert till.view(order_id).status is OrderStatus.PAID
    (session,) = sessions_of(till.address, order_id)
    assert session["status"] == "expired"
    pay_page(url)
    assert till.states(order_id) == ["succeeded"]


def test_a_page_paid_meanwhile_is_found_instead_of_charging_the_card(till: Till) -> None:
    order_id, token = till.order(), till.ada.keep()
    pay_page(till.start(order_id))
    with pytest.raises(PaidMeanwhile):
        till.charge(order_id, token)
    with pytest.raises(PaidMeanwhile):
        till.charge(order_id, token)
    assert till.view(order_id).status is OrderStatus.PAID
    assert till.states(order_id) == ["succeeded"]


# --- the hold


def test_a_lapsed_hold_is_not_charged(till: Till) -> None:
    order_id, token = till.order(), till.ada.keep()
    lapse(till.process.stores(), order_id)
    with pytest.raises(HoldLapsed):
        till.charge(order_id, token)
    assert till.states(order_id) == []


def test_14_a_hold_that_ends_between_the_two_calls_leaves_nothing_to_be_charged(till: Till) -> None:
    order_id, token = till.order(), till.ada.keep()
    prepare = till.process.stripe.cards.prepare

    def slow(charge: object) -> Attempt:
        attempt = prepare(charge)  # type: ignore[arg-type]
        lapse(till.process.stores(), order_id)
        return attempt

    till.cards_otherwise(prepare=slow)
    with pytest.raises(HoldLapsed):
        till.charge(order_id, token)
    assert till.states(order_id) == ["canceled"]


@pytest.mark.parametrize("end", ["expired", "cancelled"])
def test_14_an_order_that_ends_before_the_confirmation_is_not_charged(till: Till, end: str) -> None:
    order_id, token = till.order(), till.ada.keep()
    confirm = till.process.stripe.cards.confirm

    def ended_first(ref: str, back: str) -> Attempt:
        stores = till.process.stores()
        if end == "expired":
            lapse(stores, order_id)
            holds.expire_lapsed(stores, till.process.stripe)
        else:
            cancellation.cancel(stores, till.process.stripe, order_id, by=Actor.SHOPPER)
        return confirm(ref, back)

    till.cards_otherwise(confirm=ended_first)
    assert till.charge(order_id, token) is Onward.ORDER
    assert till.view(order_id).status == end
    assert till.states(order_id) == ["canceled"]


def test_an_order_paid_by_card_is_refunded_like_any_other(till: Till) -> None:
    order_id, token = till.order(), till.ada.keep()
    till.charge(order_id, token)
    cancellation.cancel(till.process.stores(), till.process.stripe, order_id, by=Actor.SHOPPER)
    work(till.process, 2)
    assert till.view(order_id).payment_status is PaymentStatus.REFUNDED
    (intent,) = intents_of(till.address, order_id)
    assert len(refunds_of(till.address, str(intent["id"]))) == 1


# --- saving the card that pays


def test_a_card_is_saved_when_its_payer_wishes_it(till: Till) -> None:
    order_id = till.order()
    pay_page(till.start(order_id, save_for=till.ada.stripe_id))
    assert till.ada.tokens == []
    assert till.settle(order_id) is OrderStatus.PAID
    work(till.process)
    (saved,) = till.ada.account.cards
    assert (saved.brand, saved.last4, saved.expiry, saved.is_default) == ("visa", "4242", "12/34", True)
    assert till.ada.attached() == {saved.token}
    work(till.process)
    assert till.ada.tokens == [saved.token]
    again = till.order()
    till.charge(again, saved.token)
    assert till.view(again).status is OrderStatus.PAID


def test_without_the_wish_no_card_is_saved(till: Till) -> None:
    order_id = till.order()
    pay_page(till.start(order_id))
    till.settle(order_id)
    work(till.process)
    assert till.ada.tokens == []
    assert till.ada.attached() == set()


def test_the_wish_to_save_outlives_a_lost_answer_and_a_wish_told_later_closes_the_page(till: Till) -> None:
    order_id, customer = till.order(), till.ada.stripe_id
    with (
        fault(till.address, "POST /v1/checkout/sessions", "drop_after", 2),
        pytest.raises(PaymentUnavailable),
    ):
        till.start(order_id, save_for=customer)
    plain = till.start(order_id)
    saving = till.start(order_id, save_for=customer)
    assert saving != plain
    assert till.start(order_id) == saving, "a page that is open is used again"
    pay_page(plain)
    pay_page(saving)
    assert till.settle(order_id) is OrderStatus.PAID
    assert till.states(order_id) == ["succeeded"]
    work(till.process)
    assert len(till.ada.tokens) == 1


def test_a_card_of_an_account_deleted_meanwhile_holds_up_no_shipment(till: Till) -> None:
    order_id = till.order()
    pay_page(till.start(order_id, save_for=till.ada.stripe_id))
    till.settle(order_id)
    till.process.stores().accounts.delete(till.ada.account.profile)
    work(till.process)
    assert till.view(order_id).status is OrderStatus.PREPARING


def age(till: Till, order_id: UUID) -> None:
    """Let the order be old enough for the worker to ask about it."""
    stores = till.process.stores()
    with stores.transaction():
        stores.db.session.execute(
            text("UPDATE orders SET created_at = created_at - interval '20 seconds' WHERE order_id = :id"),
            {"id": order_id},
        )


def test_saved_cards_stop_after_five_declines_and_stripes_page_goes_on(till: Till) -> None:
    """Whoever took an account over could try out its cards; the hosted page has defences of its own."""
    token = till.ada.keep(DECLINES_LATER)
    order_id = till.order()

    def addresses(*_: object) -> ReturnAddresses:
        return ReturnAddresses("http://127.0.0.1/back", "http://127.0.0.1/")

    def pay(card: bool) -> str | None:
        choice = paying.with_saved_card(till.ada.account, token) if card else paying.Choice()
        now = till.stores.orders.summary(order_id)
        return paying.pay(till.stores, till.process.stripe, now, choice, addresses)

    for _ in range(paying.MOST_DECLINES):
        assert pay(card=True) is None
    with pytest.raises(TooManyDeclines) as refused:
        pay(card=True)
    assert refused.value.retry_after > 60
    assert "/c/pay/" in str(pay(card=False))
