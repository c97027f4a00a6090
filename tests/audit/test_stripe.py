"""The audit finds where Stripe's books differ from the shop's."""

from __future__ import annotations

from uuid import UUID

import pytest

from storefront import audit as auditing
from storefront.audit import Finding, Remedy, repair
from storefront.domain.orders import EventKind, OrderStatus
from storefront.domain.payments import PaymentStatus, RefundReason
from storefront.process import Process
from storefront.services.payments import refunds
from storefront.services.worker import Worker
from storefront.stores import Stores
from tests.support.audit import assert_sound, findings
from tests.support.audited_shop import claim_for_an_hour, tools
from tests.support.database import plant
from tests.support.factories import lapse, order, pay_page, product
from tests.support.stripe_control import api, sessions_of, unavailable
from tests.support.till import open_page, settle


def with_stripe(process: Process) -> list[Finding]:
    return findings(process.stores(), stripe=process.stripe, due=False)


@pytest.fixture
def bought(process: Process, stores: Stores, stripe: str) -> UUID:
    """An order paid on Stripe's page."""
    bought = order(stores)
    assert pay_page(open_page(process, bought)).status_code == 303
    assert settle(process, bought) is OrderStatus.PAID
    assert with_stripe(process) == []
    return bought


def intent_of(stripe: str, order_id: UUID) -> str:
    return str(sessions_of(stripe, order_id)[0]["payment_intent"])


@pytest.mark.parametrize("ending", ["pending", "expired"])
def test_a_charge_without_a_paid_order_is_found_and_settled(
    process: Process, stores: Stores, stripe: str, ending: str
) -> None:
    paid = order(stores)
    pay_page(open_page(process, paid))
    if ending == "expired":
        lapse(stores, paid)
        with stores.transaction():
            for _, cart_id in stores.orders.expire([paid]):
                stores.stock.release([cart_id])
            stores.events.record(paid, EventKind.EXPIRED)
    (found,) = with_stripe(process)
    assert (found.invariant, found.order_id, found.remedy) == ("I6", paid, Remedy.SETTLE)
    repair(tools(process), found)
    assert stores.orders.summary(paid).status is OrderStatus.PAID
    assert with_stripe(process) == []


def test_a_second_charge_is_found_noted_and_refunded(process: Process, stores: Stores, stripe: str) -> None:
    twice = order(stores)
    pay_page(open_page(process, twice))
    plant(
        stores,
        "UPDATE payments SET external_ref = NULL, attempt = attempt + 1 WHERE order_id = :id",
        id=twice,
    )
    pay_page(open_page(process, twice))
    settle(process, twice)
    (found,) = with_stripe(process)
    assert (found.invariant, found.order_id, found.remedy) == ("I6", twice, Remedy.NOTE_DUPLICATE)
    repair(tools(process), found)
    (found,) = with_stripe(process)
    assert "0 of 1200 cents went back" in found.message
    Worker(process).round()
    assert with_stripe(process) == []
    assert stores.orders.summary(twice).status is OrderStatus.PREPARING


def test_money_given_back_in_the_dashboard_is_found(
    process: Process, stores: Stores, stripe: str, bought: UUID
) -> None:
    api(stripe, "POST", "refunds", payment_intent=intent_of(stripe, bought), amount="200")
    (found,) = with_stripe(process)
    assert (found.invariant, found.order_id) == ("I5", bought)
    assert "gave 200 of 1200 cents back" in found.message


def test_a_refund_in_the_dashboard_is_mended_as_advised(
    process: Process, stores: Stores, stripe: str, bought: UUID
) -> None:
    api(stripe, "POST", "refunds", payment_intent=intent_of(stripe, bought))
    (found,) = with_stripe(process)
    assert f"storefront refund {stores.orders.summary(bought).number}" in found.advice
    refunds.refund(stores, bought, restock=True, reason=RefundReason.OPERATOR)
    Worker(process).round()
    (found,) = with_stripe(process)
    assert found.remedy is Remedy.NOTE_REFUND
    repair(tools(process), found)
    assert_sound(process, due=True, stripe=True)
    assert stores.orders.summary(bought).payment_status is PaymentStatus.REFUNDED


def test_a_refund_that_stripe_was_never_asked_for_is_found(
    process: Process, stores: Stores, stripe: str, bought: UUID
) -> None:
    refunds.refund(stores, bought, restock=True, reason=RefundReason.OPERATOR)
    claim_for_an_hour(stores, bought)
    (found,) = with_stripe(process)
    assert (found.invariant, found.remedy) == ("I5", Remedy.REQUEUE)
    repair(tools(process), found)
    Worker(process).round()
    assert stores.orders.summary(bought).payment_status is PaymentStatus.REFUNDED
    assert_sound(process, due=True, stripe=True)


def test_a_refused_refund_is_an_operators_until_stripe_has_done_it(
    process: Process, stores: Stores, stripe: str, bought: UUID
) -> None:
    refunds.refund(stores, bought, restock=True, reason=RefundReason.OPERATOR)
    plant(stores, "UPDATE refunds SET status = 'refused' WHERE order_id = :id", id=bought)
    (found,) = with_stripe(process)
    assert (found.invariant, found.repairable) == ("I5", False)
    api(stripe, "POST", "refunds", payment_intent=intent_of(stripe, bought))
    (found,) = with_stripe(process)
    assert found.remedy is Remedy.NOTE_REFUND
    repair(tools(process), found)
    assert stores.orders.summary(bought).payment_status is PaymentStatus.REFUNDED
    assert with_stripe(process) == []


def test_parts_refunded_are_found_by_their_ids(process: Process, stores: Stores, stripe: str) -> None:
    sku = product(stores, quantity=9)
    bought = order(stores, sku, qty=3)
    pay_page(open_page(process, bought))
    settle(process, bought)
    for _ in range(2):
        refunds.refund(stores, bought, restock=True, reason=RefundReason.OPERATOR, units={sku: 1})
        Worker(process).round()
        assert_sound(process, due=True, stripe=True)
    assert stores.orders.summary(bought).status is OrderStatus.PREPARING
    # One is taken for another: the sums agree, and the ids do not.
    plant(
        stores,
        "UPDATE refunds SET refund_id = gen_random_uuid(), external_ref = 're_x' WHERE refund_id = :one",
        one=_unlined(stores, bought),
    )
    found = with_stripe(process)
    assert any("1200 cents told as refunded that Stripe did not give" in one.message for one in found)


def _unlined(stores: Stores, bought: UUID) -> UUID:
    """One refund of an order, whose lines are gone."""
    first = stores.orders.view(bought).refunds[0].refund_id
    plant(stores, "DELETE FROM refund_lines WHERE refund_id = :one", one=first)
    return first


def test_a_refund_told_as_done_that_is_not_is_found(
    process: Process, stores: Stores, stripe: str, bought: UUID
) -> None:
    refunds.refund(stores, bought, restock=True, reason=RefundReason.OPERATOR)
    plant(stores, "UPDATE payments SET status = 'refunded' WHERE order_id = :id", id=bought)
    plant(stores, "UPDATE refunds SET status = 'done' WHERE order_id = :id", id=bought)
    with stores.transaction():
        stores.events.record(bought, EventKind.REFUND_DONE)
    (found,) = with_stripe(process)
    assert (found.invariant, found.repairable) == ("I5", False)
    assert "1200 cents told as refunded that Stripe did not give back: 0 of 1200" in found.message


def test_another_amount_at_stripe_is_found(process: Process, stores: Stores, bought: UUID) -> None:
    for statement in (
        "UPDATE orders SET total_cents = 1300 WHERE order_id = :id",
        "UPDATE cart_items SET price_cents = 1300"
        " WHERE cart_id = (SELECT cart_id FROM orders WHERE order_id = :id)",
        "UPDATE order_events SET data = data || '{\"cents\": 1300}' WHERE order_id = :id AND kind = 'paid'",
        "UPDATE order_events SET data = '{\"total_cents\": 1300}' WHERE order_id = :id AND kind = 'placed'",
    ):
        plant(stores, statement, id=bought)
    assert findings(stores, due=False) == []  # the books agree with themselves
    (found,) = with_stripe(process)
    assert (found.invariant, found.order_id) == ("I5", bought)
    assert "holds 1300 USD cents as captured, Stripe 1200 USD" in found.message


def test_a_payment_that_stripe_does_not_know_is_found(process: Process, stores: Stores, bought: UUID) -> None:
    plant(stores, "UPDATE payments SET external_ref = 'cs_nobodys' WHERE order_id = :id", id=bought)
    found = with_stripe(process)
    assert "I5" in {one.invariant for one in found}
    assert any("Stripe does not know" in one.message for one in found)


def test_orders_before_the_time_asked_about_are_passed_over(
    process: Process, stores: Stores, stripe: str, bought: UUID
) -> None:
    api(stripe, "POST", "refunds", payment_intent=intent_of(stripe, bought))
    plant(stores, "UPDATE orders SET created_at = now() - interval '31 days' WHERE order_id = :id", id=bought)
    assert with_stripe(process) == []


def test_without_stripe_nothing_is_said_to_be_sound(process: Process, stripe: str, bought: UUID) -> None:
    with unavailable(stripe):
        result = auditing.audit(process.stores(), "USD", stripe=process.stripe, due=False)
    assert (result.unanswered, result.sound) == (["Stripe"], False)


def test_a_settlement_under_way_is_not_held_against_anybody(
    process: Process, stores: Stores, stripe: str
) -> None:
    paid = order(stores)
    pay_page(open_page(process, paid))

    def settled(_seconds: float) -> None:
        settle(process, paid)

    assert findings(stores, stripe=process.stripe, due=False, wait=settled) == []
