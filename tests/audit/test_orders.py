"""The audit finds what is wrong with an order, and keeps quiet about a sound shop."""

from __future__ import annotations

import pytest

from storefront import audit as auditing
from storefront.audit.invariants.orders import RULES
from storefront.domain.payments import PaymentStatus
from storefront.process import Process
from storefront.services import fulfilment
from storefront.stores import Stores
from tests.support.audit import assert_sound, findings
from tests.support.audited_shop import AuditedShop, opened, told
from tests.support.database import plant
from tests.support.factories import DECLINED_CARD, order, pay_page
from tests.support.till import open_page, settle


def test_a_shop_in_which_everything_happened_is_sound(process: Process) -> None:
    shop = opened(process)
    assert told(findings(shop.stores, due=False)) == []
    fulfilment.write_shipments(shop.stores)
    assert told(findings(shop.stores, due=True)) == []
    result = auditing.audit(shop.stores, "USD")
    assert (result.orders, result.products, result.sound) == (len(shop.ids), 2, True)


# What is planted, into the order of which state, and the invariant with words of the finding it must give.
ORDER_PLANTS = [
    ("DELETE FROM payments WHERE order_id = :id", "pending", "I4", "has no payment"),
    ("UPDATE payments SET status = 'pending' WHERE order_id = :id", "preparing", "I4", "payment is pending"),
    ("UPDATE payments SET status = 'captured' WHERE order_id = :id", "kept", "I4", "payment is captured"),
    ("UPDATE payments SET status = 'captured' WHERE order_id = :id", "pending", "I4", "payment is captured"),
    ("UPDATE payments SET provider = 'none' WHERE order_id = :id", "pending", "I4", "provider is none"),
    ("UPDATE payments SET provider = 'stripe' WHERE order_id = :id", "free", "I4", "provider is stripe"),
    ("UPDATE payments SET external_ref = NULL WHERE order_id = :id", "paid", "I4", "without a reference"),
    (
        "UPDATE order_events SET data = data || '{\"cents\": 1}' WHERE order_id = :id AND kind = 'paid'",
        "paid",
        "I4",
        "but 1 were captured",
    ),
    (
        'UPDATE order_events SET data = data || \'{"currency": "EUR"}\''
        " WHERE order_id = :id AND kind = 'paid'",
        "paid",
        "I4",
        "paid in EUR",
    ),
    (
        "UPDATE refund_lines SET qty = 2, restocked = 1"
        " WHERE refund_id = (SELECT refund_id FROM refunds WHERE order_id = :id)",
        "partly",
        "I4",
        "all of its units are refunded",
    ),
    (
        "UPDATE refund_lines SET qty = 1, restocked = 0"
        " WHERE refund_id = (SELECT refund_id FROM refunds WHERE order_id = :id)",
        "kept",
        "I4",
        "not all of it was decided to go back",
    ),
    ("UPDATE refunds SET cents = 2401 WHERE order_id = :id", "partly", "I4", "2400 cents captured, and 2401"),
    ("UPDATE refunds SET cents = 1199 WHERE order_id = :id", "partly", "I4", "a refund of 1199 cents"),
    (
        "INSERT INTO refunds (refund_id, order_id, cents, restock, status)"
        " VALUES (gen_random_uuid(), :id, 1, false, 'due')",
        "cancelled",
        "I4",
        "is cancelled, but has refunds",
    ),
    (
        "UPDATE refunds SET status = 'done' WHERE order_id = :id",
        "kept",
        "I4",
        "all of its refunds are done",
    ),
    (
        "UPDATE refund_lines SET qty = 3"
        " WHERE refund_id = (SELECT refund_id FROM refunds WHERE order_id = :id)",
        "partly",
        "I3",
        "3 of pan refunded, but had 2",
    ),
    ("UPDATE orders SET delivery = NULL WHERE order_id = :id", "shipped", "I7", "without a delivery"),
    (
        "UPDATE orders SET delivery = (SELECT delivery FROM orders WHERE status = 'shipped')"
        " WHERE order_id = :id",
        "expired",
        "I7",
        "has a delivery, but is expired",
    ),
    (
        'UPDATE orders SET delivery = delivery || \'{"status": "preparing"}\' WHERE order_id = :id',
        "kept",
        "I7",
        "shipment is still prepared",
    ),
    ("DELETE FROM order_events WHERE order_id = :id AND kind = 'placed'", "pending", "I9", "never placed"),
    (
        "INSERT INTO order_events (order_id, event_id, kind, data)"
        " SELECT order_id, 'again', 'paid_late', data FROM order_events"
        " WHERE order_id = :id AND kind = 'paid'",
        "paid",
        "I9",
        "paid twice",
    ),
    ("DELETE FROM order_events WHERE order_id = :id AND kind = 'paid'", "paid", "I9", "was never paid"),
    ("UPDATE orders SET status = 'pending' WHERE order_id = :id", "paid", "I9", "is pending, but was paid"),
    (
        "UPDATE order_events SET kind = 'paid' WHERE order_id = :id AND kind = 'paid_late'",
        "revived",
        "I9",
        "in a way that no order goes",
    ),
    (
        "DELETE FROM order_events WHERE order_id = :id AND kind = 'expired'",
        "revived",
        "I9",
        "in a way that no order goes",
    ),
    (
        "DELETE FROM order_events WHERE order_id = :id AND kind = 'expired'",
        "expired",
        "I9",
        "but never expired",
    ),
    ("UPDATE orders SET status = 'pending' WHERE order_id = :id", "expired", "I9", "but has expired"),
    (
        "DELETE FROM order_events WHERE order_id = :id AND kind = 'cancelled'",
        "cancelled",
        "I9",
        "but was never cancelled",
    ),
    ("UPDATE orders SET status = 'pending' WHERE order_id = :id", "cancelled", "I9", "but was cancelled"),
    (
        "DELETE FROM order_events WHERE order_id = :id AND kind = 'preparing'",
        "shipped",
        "I9",
        "but was never prepared",
    ),
    ("UPDATE orders SET status = 'paid' WHERE order_id = :id", "preparing", "I9", "but was prepared"),
    (
        "UPDATE parcels SET reports = '{}' WHERE order_id = :id",
        "shipped",
        "I9",
        "but no carrier said so",
    ),
    (
        "UPDATE orders SET status = 'delivered' WHERE order_id = :id",
        "shipped",
        "I16",
        "not follow from its parcels",
    ),
    (
        "DELETE FROM order_events WHERE order_id = :id AND kind = 'refund_due'",
        "returned",
        "I9",
        "a refund was never due",
    ),
    (
        "UPDATE orders SET status = 'preparing' WHERE order_id = :id",
        "returned",
        "I9",
        "but a refund is due",
    ),
    (
        'UPDATE order_events SET data = data || \'{"stock": "not_taken"}\''
        " WHERE order_id = :id AND kind = 'refund_due'",
        "returned",
        "I9",
        "goods not_taken",
    ),
    (
        "UPDATE payments SET status = 'refunded' WHERE order_id = :id",
        "returned",
        "I9",
        "the refund is not done",
    ),
    (
        "INSERT INTO order_events (order_id, event_id, kind) VALUES (:id, 'refund_done', 'refund_done')",
        "returned",
        "I9",
        "the refund is done",
    ),
    ("UPDATE orders SET extended_at = NULL WHERE order_id = :id", "pending", "I9", "but it was extended"),
    ("UPDATE orders SET extended_at = now() WHERE order_id = :id", "paid", "I9", "but it was not"),
    (
        "UPDATE orders SET total_cents = total_cents + 1 WHERE order_id = :id",
        "pending",
        "I10",
        "but was placed at 3600",
    ),
    (
        "UPDATE cart_items SET price_cents = 1"
        " WHERE cart_id = (SELECT cart_id FROM orders WHERE order_id = :id)",
        "pending",
        "I10",
        "but its lines 3",
    ),
    (
        "DELETE FROM cart_items WHERE cart_id = (SELECT cart_id FROM orders WHERE order_id = :id)",
        "cancelled",
        "I10",
        "has no lines",
    ),
    (
        "UPDATE carts SET closed_at = NULL WHERE cart_id = (SELECT cart_id FROM orders WHERE order_id = :id)",
        "paid",
        "I10",
        "cart that is still open",
    ),
    (
        "INSERT INTO order_events (order_id, event_id, kind, data)"
        " SELECT :id, event_id, kind, data FROM order_events WHERE kind = 'carrier' LIMIT 1",
        "preparing",
        "I11",
        "event carrier:",
    ),
    (
        "UPDATE order_events SET data = data || jsonb_build_object('intent',"
        " (SELECT data ->> 'intent' FROM order_events WHERE kind = 'paid_late'))"
        " WHERE order_id = :id AND kind = 'paid'",
        "paid",
        "I11",
        "capture pi_",
    ),
    ("UPDATE payments SET status = 'failed' WHERE order_id = :id", "pending", "I13", "ever declined it"),
]


@pytest.mark.parametrize(
    ("statement", "state", "invariant", "words"), ORDER_PLANTS, ids=[f"{p[2]}-{p[3]}" for p in ORDER_PLANTS]
)
def test_what_is_wrong_with_an_order_is_found(
    shop: AuditedShop, statement: str, state: str, invariant: str, words: str
) -> None:
    plant(shop.stores, statement, id=shop.ids[state])
    found = findings(shop.stores, due=False)
    matching = [one for one in found if one.invariant == invariant and words in one.message]
    assert matching, told(found)
    if invariant != "I11":
        assert matching[0].order_id == shop.ids[state]


def test_there_are_as_many_plants_as_rules() -> None:
    """A new rule about orders comes with what it is to find."""
    for name in {rule.invariant for rule in RULES}:
        rules = sum(rule.invariant == name for rule in RULES)
        assert sum(plant[2] == name for plant in ORDER_PLANTS) >= rules


def test_a_declined_card_is_a_failed_payment_by_right(process: Process, stores: Stores, stripe: str) -> None:
    declined = order(stores)
    pay_page(open_page(process, declined), DECLINED_CARD)
    settle(process, declined)
    assert stores.orders.summary(declined).payment_status is PaymentStatus.FAILED
    assert_sound(process, due=True, stripe=True)
