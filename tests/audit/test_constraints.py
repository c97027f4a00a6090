"""The audit finds what constraints and time-outs should never let in."""

from __future__ import annotations

from storefront.audit.invariants.transactions import check_transactions
from storefront.process import Process
from storefront.stores import Stores
from tests.support.audit import findings
from tests.support.audited_shop import AuditedShop, DropConstraint
from tests.support.database import plant


def test_two_orders_of_one_cart_are_found(shop: AuditedShop, without: DropConstraint) -> None:
    without("orders", "orders_cart_id_key")
    plant(
        shop.stores,
        "UPDATE orders SET cart_id = (SELECT cart_id FROM orders WHERE order_id = :other)"
        " WHERE order_id = :id",
        id=shop.ids["cancelled"],
        other=shop.ids["expired"],
    )
    found = [one for one in findings(shop.stores, due=False) if one.invariant == "I8"]
    assert {one.order_id for one in found} == {shop.ids["cancelled"], shop.ids["expired"]}


def test_an_event_written_twice_is_found(shop: AuditedShop, without: DropConstraint) -> None:
    without("order_events", "order_events_pkey")
    plant(
        shop.stores,
        "INSERT INTO order_events SELECT * FROM order_events WHERE order_id = :id AND kind = 'paid'",
        id=shop.ids["paid"],
    )
    found = findings(shop.stores, due=False)
    assert [(one.invariant, one.order_id) for one in found if "event paid" in one.message] == [
        ("I11", shop.ids["paid"])
    ]


def test_two_orders_with_one_payment_object_are_found(shop: AuditedShop, without: DropConstraint) -> None:
    without("payments", "payments_provider_external_ref_key")
    plant(
        shop.stores,
        "UPDATE payments SET external_ref = :ref WHERE order_id = :id",
        ref=f"cs_{shop.ids['paid'].hex}",
        id=shop.ids["pending"],
    )
    assert [one.invariant for one in findings(shop.stores, due=False)] == ["I11"]


def waiting_transactions(stores: Stores) -> list[str]:
    """Invariants broken by transactions that have waited at all."""
    with stores.db.snapshot() as connection:
        return [one.invariant for one in check_transactions(connection, "USD", longest=0.0)]


def test_a_transaction_that_waits_is_found(process: Process, stores: Stores) -> None:
    with process.stores().transaction():
        assert waiting_transactions(stores) == []  # begun by nothing yet
    waiting = process.stores()
    with waiting.transaction():
        waiting.orders.now()
        assert waiting_transactions(stores) == ["I14"]
        assert findings(stores) == [], "not longer than a request may take"
    assert waiting_transactions(stores) == []
