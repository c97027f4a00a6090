"""What Stripe may answer beside yes and no: of other accounts, shops, versions and times."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID, uuid4

import pytest
import requests

from storefront.domain.attention import AttentionKind
from storefront.domain.errors import Invalid, NotKnownYet, PaymentUnavailable
from storefront.domain.money import least_charge
from storefront.domain.orders import Actor, EventKind, OrderStatus
from storefront.payments.provider import ProviderEvent
from storefront.services import cancellation, carts, holds
from storefront.services.checkout import place
from storefront.services.payments import paying, saved_cards, webhooks
from storefront.services.payments.paying import Choice
from tests.support.database import plant
from tests.support.factories import HOLD, back, lapse, order, pay_page, placement, product, shopper
from tests.support.otherwise import otherwise
from tests.support.saved_cards import VISA, Customer
from tests.support.stripe_control import KEY, all_events, api, events_of, sessions_of, signed, unavailable
from tests.support.till import Till
from tests.support.worker import work

DAY = 86400


def listed(till: Till) -> list[tuple[AttentionKind, UUID | None]]:
    return [(item.kind, item.order_id) for item in till.stores.attention.open()]


def hear(till: Till, event: dict[str, Any]) -> None:
    post = signed(event)
    read = till.process.stripe.read_event(post["data"], post["headers"]["Stripe-Signature"])
    webhooks.handle(till.process.stores(), till.process.stripe, read)


def told(till: Till, order_id: UUID, *, shop: str | None, ago: float = 0) -> ProviderEvent:
    return ProviderEvent(
        f"evt_{uuid4().hex}",
        "checkout.session.completed",
        "cs_1",
        str(order_id),
        None,
        shop,
        created=int(time.time() - ago),
    )


def of_another_account(till: Till, order_id: UUID, ref: str = "cs_of_another_account") -> None:
    """The key was changed: what was made with the old one is not known to the new."""
    plant(till.stores, "UPDATE payments SET external_ref = :ref WHERE order_id = :id", ref=ref, id=order_id)


# --- 33: payment objects that Stripe does not know


@pytest.mark.parametrize("ref", ["cs_of_another_account", "pi_of_another_account"])
def test_33_a_hold_ends_though_stripe_does_not_know_its_payment(till: Till, ref: str) -> None:
    sku = product(till.stores, quantity=1)
    order_id = order(till.stores, sku)
    of_another_account(till, order_id, ref)
    lapse(till.stores, order_id)
    work(till.process, rounds=2)
    assert till.view(order_id).status is OrderStatus.EXPIRED
    assert till.level(sku) == (1, 0)
    assert listed(till) == [(AttentionKind.ORDER_STUCK, order_id)]


def test_33_once_unknown_is_not_enough(till: Till) -> None:
    order_id = order(till.stores)
    pay_page(till.start(order_id))
    retrieve, asked = till.process.stripe._retrieve, []

    def unknown_at_first(ref: str) -> object:
        asked.append(ref)
        return retrieve(ref if len(asked) > 1 else "cs_unknown")

    till.process.stripe = otherwise(till.process.stripe, _retrieve=unknown_at_first)
    assert till.settle(order_id) is OrderStatus.PAID
    assert len(asked) == 2
    assert listed(till) == []


def test_33_an_unknown_payment_stands_in_the_way_of_no_cancelling_and_no_other_attempt(till: Till) -> None:
    cancelled, retried = order(till.stores), order(till.stores)
    of_another_account(till, cancelled, "cs_a")
    of_another_account(till, retried, "cs_b")
    assert cancellation.cancel(till.stores, till.process.stripe, cancelled, by=Actor.OPERATOR) == "cancelled"
    till.pay(retried)
    assert till.settle(retried) is OrderStatus.PAID
    assert listed(till) == [(AttentionKind.ORDER_STUCK, cancelled), (AttentionKind.ORDER_STUCK, retried)]


def test_33_while_the_hold_lasts_an_unknown_payment_changes_nothing(till: Till) -> None:
    order_id = order(till.stores)
    of_another_account(till, order_id)
    assert till.settle(order_id) is OrderStatus.PENDING
    assert listed(till) == []


def test_33_forced_cancelling_asks_nobody_and_what_is_paid_after_all_goes_back(till: Till) -> None:
    sku = product(till.stores, quantity=1)
    order_id = order(till.stores, sku)
    page = till.start(order_id)
    with unavailable(till.address):
        with pytest.raises(PaymentUnavailable):
            cancellation.cancel(till.stores, till.process.stripe, order_id, by=Actor.OPERATOR)
        cancellation.cancel(till.stores, till.process.stripe, order_id, by=Actor.OPERATOR, force=True)
    assert till.view(order_id).status is OrderStatus.CANCELLED
    assert till.level(sku) == (1, 0)
    pay_page(page)
    (event,) = events_of(till.address, order_id, "checkout.session.completed")
    hear(till, event)
    work(till.process)
    assert till.view(order_id).status is OrderStatus.REFUNDED
    assert till.refunded(order_id) == 1200
    assert till.level(sku) == (1, 0)


# --- a key used before with other parameters


def test_a_key_used_by_another_version_is_left_for_a_fresh_one_at_once(till: Till) -> None:
    order_id = order(till.stores)
    with_other_parameters(till, "checkout/sessions", str(till.view(order_id).payment_id) + "-1")
    till.pay(order_id)
    assert till.view(order_id).attempt == 2
    assert till.settle(order_id) is OrderStatus.PAID


def test_a_saved_cards_key_used_by_another_version_is_left_for_a_fresh_one_at_once(till: Till) -> None:
    order_id, token = till.order(), till.ada.keep()
    key = f"{till.view(order_id).payment_id}-1-{token}"
    with_other_parameters(till, "payment_intents", key)
    till.charge(order_id, token)
    view = till.view(order_id)
    assert (view.status, view.attempt) == (OrderStatus.PAID, 2)
    assert EventKind.PAYMENT_FAILED not in till.kinds(order_id), "no card was declined"


def with_other_parameters(till: Till, path: str, key: str) -> None:
    intent = {"amount": "999", "currency": "usd"}
    page = {
        "mode": "payment",
        "line_items[0][quantity]": "1",
        "line_items[0][price_data][currency]": "usd",
        "line_items[0][price_data][unit_amount]": "999",
        "line_items[0][price_data][product_data][name]": "Other",
        "success_url": "http://127.0.0.1/",
    }
    answer = requests.post(
        f"{till.address}/v1/{path}",
        data=intent if path == "payment_intents" else page,
        headers={"Authorization": f"Bearer {KEY}", "Idempotency-Key": key},
        timeout=10,
    )
    assert answer.ok, answer.text


# --- the smallest charge


@pytest.mark.parametrize(
    ("currency", "least"), [("USD", 50), ("GBP", 30), ("HUF", 17500), ("SEK", 300), ("CZK", 1500)]
)
def test_the_smallest_charge_is_the_currencys(till: Till, currency: str, least: int) -> None:
    assert least_charge(currency) == least
    for price, placed in ((least - 1, False), (least, True)):
        stores, who = till.stores, shopper()
        carts.add(stores, who, product(stores, price=price), 1)
        if placed:
            place(stores, placement(stores, who), HOLD, currency)
        else:
            with pytest.raises(Invalid, match="too small"):
                place(stores, placement(stores, who), HOLD, currency)


def test_the_stand_in_draws_the_same_line(till: Till) -> None:
    for currency in ("usd", "gbp", "sek", "czk", "thb", "huf"):
        least = least_charge(currency.upper())
        answers = [
            requests.post(
                f"{till.address}/v1/payment_intents",
                data={"amount": str(cents), "currency": currency},
                headers={"Authorization": f"Bearer {KEY}"},
                timeout=10,
            )
            for cents in (least - 1, least)
        ]
        assert [one.status_code for one in answers] == [400, 200], currency
        assert answers[0].json()["error"]["code"] == "amount_too_small"


# --- saved cards


def adding_page(ada: Customer) -> str:
    return saved_cards.adding_page(
        ada.process.stores(), ada.process.stripe, ada.account, "http://127.0.0.1/a", "http://127.0.0.1/b"
    )


def setup_events(till: Till) -> list[dict[str, Any]]:
    return [
        event
        for event in all_events(till.address)
        if event["type"] == webhooks.SETUP
        and event["data"]["object"]["mode"] == "setup"
        and event["data"]["object"]["customer"] == till.ada.stripe_id
    ]


def test_a_card_whose_customer_did_not_come_back_is_saved_by_the_webhook(till: Till) -> None:
    pay_page(adding_page(till.ada))
    assert till.ada.tokens == []
    (event,) = setup_events(till)
    hear(till, event)
    hear(till, event)
    assert set(till.ada.tokens) == till.ada.attached()
    assert len(till.ada.tokens) == 1


def test_a_card_of_an_account_that_is_gone_or_of_another_shop_is_nobodys(till: Till) -> None:
    pay_page(adding_page(till.ada))
    (event,) = setup_events(till)
    told = event["data"]["object"]
    hear(till, {**event, "data": {"object": {**told, "metadata": {**told["metadata"], "shop": "another"}}}})
    assert till.ada.tokens == []
    told["metadata"]["user_id"] = str(uuid4())
    hear(till, event)
    assert till.ada.tokens == []


def test_a_customer_deleted_at_stripe_is_made_anew_for_the_next_card(till: Till) -> None:
    till.ada.keep(VISA)
    gone = till.ada.stripe_id
    api(till.address, "DELETE", f"customers/{gone}")
    pay_page(adding_page(till.ada))
    assert till.ada.stripe_id != gone
    saved_cards.refresh(till.process.stores(), till.process.stripe, till.ada.account.profile)
    assert set(till.ada.tokens) == till.ada.attached(), "what went with the customer is not offered any more"
    assert len(till.ada.tokens) == 1


def test_a_customer_deleted_at_stripe_is_made_anew_to_keep_the_card_that_pays(till: Till) -> None:
    gone, order_id = till.ada.stripe_id, till.order()
    api(till.address, "DELETE", f"customers/{gone}")
    choice = Choice(save_for=till.ada.account.profile)
    page = paying.pay(till.process.stores(), till.process.stripe, till.view(order_id), choice, back)
    assert page is not None
    pay_page(page)
    assert till.settle(order_id) is OrderStatus.PAID
    assert till.ada.stripe_id != gone
    work(till.process, rounds=2)
    assert set(till.ada.tokens) == till.ada.attached()
    assert len(till.ada.tokens) == 1


# --- whose events


def test_everything_made_at_stripe_bears_the_shops_id(till: Till) -> None:
    shop = till.stores.shop_id
    order_id, card_order = order(till.stores), till.order()
    till.pay(order_id)
    till.charge(card_order, till.ada.keep())
    (session,) = sessions_of(till.address, order_id)
    assert session["metadata"] == {"order_id": str(order_id), "shop": shop}
    for one in (order_id, card_order):
        ref = till.view(one).external_ref or ""
        intent = till.process.stripe.retrieve(ref).intent
        told = api(till.address, "GET", f"payment_intents/{intent}")
        assert told["metadata"] == {"order_id": str(one), "shop": shop}
    assert api(till.address, "GET", f"customers/{till.ada.stripe_id}")["metadata"]["shop"] == shop


@pytest.mark.parametrize("shop", [None, "", "00000000-0000-4000-8000-000000000000", "no-uuid"])
def test_an_event_without_our_id_is_ignored_though_it_names_an_order(till: Till, shop: str | None) -> None:
    """Also one that we have: two shops restored from one backup have the same orders."""
    order_id = order(till.stores)
    till.pay(order_id)
    ref = till.view(order_id).external_ref or ""
    event = ProviderEvent("evt_1", "checkout.session.completed", ref, str(order_id), None, shop)
    webhooks.handle(till.stores, till.process.stripe, event)
    webhooks.handle(till.stores, till.process.stripe, told(till, uuid4(), shop=shop))
    assert till.view(order_id).status is OrderStatus.PENDING
    event = ProviderEvent(
        "evt_1", "checkout.session.completed", ref, str(order_id), None, till.stores.shop_id
    )
    webhooks.handle(till.stores, till.process.stripe, event)
    assert till.view(order_id).status is OrderStatus.PAID


def test_9_an_order_of_ours_that_is_unknown_for_a_day_needs_a_person_and_no_more_sending(till: Till) -> None:
    unknown, shop = uuid4(), till.stores.shop_id
    with pytest.raises(NotKnownYet):
        webhooks.handle(till.stores, till.process.stripe, told(till, unknown, shop=shop, ago=DAY - 60))
    assert listed(till) == []
    for _ in range(2):
        webhooks.handle(till.stores, till.process.stripe, told(till, unknown, shop=shop, ago=DAY + 60))
    assert listed(till) == [(AttentionKind.ORDER_STUCK, None)]


def test_a_dispute_of_another_shops_payment_is_ignored(till: Till) -> None:
    intent = api(
        till.address,
        "POST",
        "payment_intents",
        **{
            "amount": "1200",
            "currency": "usd",
            "metadata[order_id]": str(uuid4()),
            "metadata[shop]": "other",
        },
    )["id"]
    webhooks.handle(
        till.stores, till.process.stripe, ProviderEvent("evt_1", webhooks.DISPUTE, "du_1", None, intent)
    )
    assert listed(till) == []


def test_a_hold_whose_page_is_known_ends_without_anybody(till: Till) -> None:
    order_id = order(till.stores)
    till.start(order_id)
    lapse(till.stores, order_id)
    assert holds.expire_lapsed(till.stores, till.process.stripe) == 1
    assert listed(till) == []
