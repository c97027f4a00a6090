"""What each of Stripe's webhooks makes the shop do: ask for the truth, never believe the event."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID, uuid4

import pytest

from storefront.domain.errors import BadSignature, NotKnownYet, PaymentUnavailable
from storefront.domain.orders import EventKind, OrderStatus
from storefront.domain.payments import PaymentStatus, RefundReason
from storefront.payments.provider import ProviderEvent
from storefront.process import Process
from storefront.services import holds
from storefront.services.payments import refunds, webhooks
from storefront.stores import Stores
from tests.support.concurrency import at_once
from tests.support.factories import DECLINED_CARD, lapse, order, pay_page, product
from tests.support.stripe_control import api, events_of, signed, unavailable
from tests.support.till import open_page, settle


def handle(process: Process, event: ProviderEvent) -> None:
    webhooks.handle(process.stores(), process.stripe, event)


def read(process: Process, event: dict[str, Any]) -> ProviderEvent:
    post = signed(event)
    return process.stripe.read_event(post["data"], post["headers"]["Stripe-Signature"])


def told(process: Process, kind: str, ref: str, order_id: object, intent: str | None = None) -> ProviderEvent:
    shop = process.stores().shop_id if order_id else None
    return ProviderEvent(
        f"evt_{uuid4().hex}",
        kind,
        ref,
        str(order_id) if order_id else None,
        intent,
        shop,
        created=int(time.time()),
    )


@pytest.fixture
def order_id(stores: Stores) -> UUID:
    return order(stores)


@pytest.fixture
def page(process: Process, stripe: str, order_id: UUID) -> str:
    return open_page(process, order_id)


def test_a_completed_session_pays_the_order(
    process: Process, stores: Stores, stripe: str, order_id: UUID, page: str
) -> None:
    pay_page(page)
    (event,) = events_of(stripe, order_id, "checkout.session.completed")
    handle(process, read(process, event))
    assert stores.orders.summary(order_id).status is OrderStatus.PAID


@pytest.mark.parametrize("kind", ["checkout.session.completed", "payment_intent.succeeded"])
def test_11_an_event_is_not_believed_before_stripe_has_been_asked(
    process: Process, stores: Stores, stripe: str, order_id: UUID, page: str, kind: str
) -> None:
    ref = stores.orders.summary(order_id).external_ref or ""
    handle(process, told(process, kind, ref, order_id))
    assert stores.orders.summary(order_id).status is OrderStatus.PENDING


def test_8_and_9_every_event_of_a_payment_ten_times_at_once_beside_the_return_has_one_effect(
    process: Process, stores: Stores, stripe: str, order_id: UUID, page: str
) -> None:
    pay_page(page)
    events = [read(process, event) for event in events_of(stripe, order_id)]
    events = [event for event in events if event.type in webhooks.SETTLING]
    assert {event.type for event in events} == {"checkout.session.completed", "payment_intent.succeeded"}
    done = at_once(
        *[lambda event=event: handle(process, event) for event in events * 5],
        *[lambda: settle(process, order_id)] * 5,
    )
    assert done.errors == []
    view = stores.orders.view(order_id)
    assert [event.kind for event in view.events].count(EventKind.PAID) == 1
    assert EventKind.DUPLICATE_CAPTURE not in [event.kind for event in view.events]
    assert stores.stock.level(view.lines[0].sku).quantity == 9


def test_11_a_decline_that_arrives_after_the_success_changes_nothing(
    process: Process, stores: Stores, stripe: str, order_id: UUID, page: str
) -> None:
    pay_page(page, DECLINED_CARD)
    pay_page(page)
    events = {event["type"]: read(process, event) for event in events_of(stripe, order_id)}
    handle(process, events["checkout.session.completed"])
    handle(process, events["payment_intent.payment_failed"])
    view = stores.orders.view(order_id)
    assert (view.status, view.payment_status) == (OrderStatus.PAID, PaymentStatus.CAPTURED)


def test_a_decline_is_told(process: Process, stores: Stores, stripe: str, order_id: UUID, page: str) -> None:
    pay_page(page, DECLINED_CARD)
    (event,) = events_of(stripe, order_id, "payment_intent.payment_failed")
    handle(process, read(process, event))
    assert stores.orders.summary(order_id).payment_status is PaymentStatus.FAILED


def test_an_expired_page_leaves_the_hold(
    process: Process, stores: Stores, stripe: str, order_id: UUID, page: str
) -> None:
    ref = stores.orders.summary(order_id).external_ref
    api(stripe, "POST", f"checkout/sessions/{ref}/expire")
    (event,) = events_of(stripe, order_id, "checkout.session.expired")
    handle(process, read(process, event))
    assert stores.orders.summary(order_id).status is OrderStatus.PENDING


def test_9_ours_but_unknown_yet_must_come_again(process: Process, stripe: str) -> None:
    with pytest.raises(NotKnownYet):
        handle(process, told(process, "checkout.session.completed", "cs_x", uuid4()))


@pytest.mark.parametrize("order_id", [None, "", "no-uuid", "42"])
def test_9_without_our_metadata_nothing_happens_and_nothing_is_asked(
    process: Process, settings: object, order_id: str | None
) -> None:
    """Stripe's address is of nobody here, so that a call would fail."""
    handle(process, told(process, "checkout.session.completed", "cs_x", order_id))


def test_types_of_no_concern_are_ignored(process: Process, order_id: UUID, settings: object) -> None:
    for kind in ("charge.refunded", "refund.created", "customer.created", ""):
        handle(process, told(process, kind, "x", order_id))


def test_while_stripe_is_away_the_event_must_come_again(
    process: Process, stores: Stores, stripe: str, order_id: UUID, page: str
) -> None:
    pay_page(page)
    (event,) = events_of(stripe, order_id, "checkout.session.completed")
    with unavailable(stripe), pytest.raises(PaymentUnavailable):
        handle(process, read(process, event))
    handle(process, read(process, event))
    assert stores.orders.summary(order_id).status is OrderStatus.PAID


def test_money_for_another_page_of_the_order_is_a_duplicate_capture(
    process: Process, stores: Stores, stripe: str, order_id: UUID, page: str
) -> None:
    session = api(
        stripe,
        "POST",
        "checkout/sessions",
        **{
            "mode": "payment",
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": "usd",
            "line_items[0][price_data][unit_amount]": "1200",
            "line_items[0][price_data][product_data][name]": "Thing",
            "metadata[order_id]": str(order_id),
            "metadata[shop]": stores.shop_id,
            "payment_intent_data[metadata][shop]": stores.shop_id,
            "payment_intent_data[metadata][order_id]": str(order_id),
            "success_url": "http://127.0.0.1/",
        },
    )
    pay_page(session["url"])
    for event in events_of(stripe, order_id):
        handle(process, read(process, event))
        handle(process, read(process, event))
    view = stores.orders.view(order_id)
    assert view.status is OrderStatus.PENDING
    assert [event.kind for event in view.events].count(EventKind.DUPLICATE_CAPTURE) == 1


def refunding(
    process: Process, stores: Stores, order_id: UUID, page: str, card: str = "4242424242424242"
) -> str:
    pay_page(page, card)
    settle(process, order_id)
    refunds.refund(stores, order_id, restock=True, reason=RefundReason.OPERATOR)
    ref = stores.orders.summary(order_id).external_ref or ""
    return process.stripe.retrieve(ref).intent or ""


def test_a_refund_done_is_noticed_by_its_event(
    process: Process, stores: Stores, stripe: str, order_id: UUID, page: str
) -> None:
    intent = refunding(process, stores, order_id, page)
    (due,) = stores.orders.view(order_id).refunds
    # Asked for by a worker that died before it could write down the answer.
    asked = {"payment_intent": intent, "metadata[refund_id]": str(due.refund_id)}
    refund = api(stripe, "POST", "refunds", **asked)
    for _ in range(2):
        handle(process, told(process, "refund.updated", refund["id"], None, intent))
    view = stores.orders.view(order_id)
    assert view.payment_status is PaymentStatus.REFUNDED
    assert [event.kind for event in view.events].count(EventKind.REFUND_DONE) == 1


def test_a_refund_of_somebody_elses_payment_changes_nothing(
    process: Process, stores: Stores, stripe: str, order_id: UUID, page: str
) -> None:
    refunding(process, stores, order_id, page)
    handle(process, told(process, "refund.updated", "re_x", order_id, "pi_somebody"))
    handle(process, told(process, "refund.failed", "re_x", order_id, None))
    assert stores.orders.summary(order_id).payment_status is PaymentStatus.REFUNDING


def test_a_dispute_is_noted_once(
    process: Process, stores: Stores, stripe: str, order_id: UUID, page: str
) -> None:
    pay_page(page, "4000000000000259")
    settle(process, order_id)
    intent = process.stripe.retrieve(stores.orders.summary(order_id).external_ref or "").intent
    event = told(process, "charge.dispute.created", "du_1", None, intent)
    handle(process, event)
    handle(process, event)
    kinds = [one.kind for one in stores.orders.view(order_id).events]
    assert kinds.count(EventKind.DISPUTED) == 1
    assert stores.orders.summary(order_id).status is OrderStatus.PAID


def test_the_event_of_a_late_payment_is_heeded(
    process: Process, stores: Stores, stripe: str, order_id: UUID, page: str
) -> None:
    pay_page(page)
    lapse(stores, order_id)
    holds._expire(stores, [order_id])
    (event,) = events_of(stripe, order_id, "checkout.session.completed")
    handle(process, read(process, event))
    assert stores.orders.summary(order_id).status is OrderStatus.PAID


# --- reading them

EVENT: dict[str, Any] = {
    "id": "evt_1",
    "object": "event",
    "type": "checkout.session.completed",
    "created": 1,
    "data": {"object": {"id": "cs_1", "object": "checkout.session", "metadata": {"order_id": "x"}}},
}


def test_a_signed_event_is_read(process: Process) -> None:
    event = read(process, EVENT)
    assert (event.event_id, event.ref, event.order_id) == ("evt_1", "cs_1", "x")


@pytest.mark.parametrize(
    "post",
    [
        {"data": b"{}", "headers": {"Stripe-Signature": ""}},
        {"data": b"{}", "headers": {"Stripe-Signature": "t=1,v1=00"}},
        {"data": b"{}", "headers": {"Stripe-Signature": "t=x,v1=é\x00"}},
        signed(EVENT, secret="whsec_other"),
        signed(EVENT, at=1_000_000_000),
        signed(EVENT, at=9_000_000_000),
        signed(b""),
        signed(b"\xff\xfe\x00"),
        signed(b"null"),
        signed(b"[]"),
        signed(b'"text"'),
        signed(b"{}"),
        signed(b'{"object": "event", "data": {"object": 7}}'),
        signed(b'{"object": "event", "id": 1, "created": "x", "data": {"object": {}}}'),
        signed(b"[" * 100_000),
    ],
)
def test_what_stripe_did_not_sign_or_is_no_event_is_refused(process: Process, post: dict[str, Any]) -> None:
    with pytest.raises(BadSignature):
        process.stripe.read_event(post["data"], post["headers"]["Stripe-Signature"])


def test_a_changed_body_is_refused(process: Process, stores: Stores) -> None:
    post = signed(EVENT)
    with pytest.raises(BadSignature):
        process.stripe.read_event(post["data"].replace(b"cs_1", b"cs_2"), post["headers"]["Stripe-Signature"])
    assert product(stores)
