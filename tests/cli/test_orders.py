"""What operators see of orders and do to them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from auditing import assert_sound
from cli.conftest import Operator
from factories import back, order, pay_page, product

from storefront.cli import orders as orders_command
from storefront.domain.deliveries import ShipmentStatus
from storefront.domain.orders import OrderStatus, PaymentStatus
from storefront.process import Process
from storefront.services import payments
from storefront.services.worker import Worker
from storefront.stores import Stores


@pytest.fixture
def paid(process: Process, stores: Stores, stripe: str) -> UUID:
    bought = order(stores, product(stores, "pan", quantity=10), qty=2)
    pay_page(payments.start(stores, process.stripe, bought, back, "USD"))
    payments.settle(stores, process.stripe, bought, "USD")
    return bought


def test_a_list_is_newest_first(operator: Operator, stores: Stores) -> None:
    first, second = order(stores), order(stores)
    typed = operator("orders", "list", "--json")
    listed = json.loads(typed.out)
    assert typed.status == 0
    assert [one["order_id"] for one in listed] == [str(second), str(first)]
    head = stores.orders.head(second)
    assert listed[0] == {
        "order_id": str(second),
        "number": head.number,
        "status": "pending",
        "total_cents": 1200,
        "created_at": head.created_at.isoformat(),
        "expires_at": head.expires_at.isoformat(),
    }
    assert datetime.fromisoformat(listed[0]["expires_at"]).utcoffset() == timedelta(0)
    lines = operator("orders", "list").out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"{head.number}  pending")
    assert "12.00 USD" in lines[0]
    assert "held until" in lines[0]


def test_a_list_of_none_is_an_empty_array(operator: Operator) -> None:
    assert json.loads(operator("orders", "list", "--json").out) == []
    assert operator("orders", "list").out == ""


def test_a_list_longer_than_a_page_has_every_order_once(
    operator: Operator, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders_command, "PAGE", 2)
    monkeypatch.setattr(orders_command, "SHOWN", 3)
    placed = [str(order(stores)) for _ in range(5)]
    assert [one["order_id"] for one in json.loads(operator("orders", "list", "--json").out)] == placed[::-1]
    assert operator("orders", "list").out.splitlines()[-1] == (
        "These are the newest 3; --all lists the others too."
    )
    assert len(operator("orders", "list", "--all").out.splitlines()) == 5


def test_an_order_is_found_by_id_and_by_number_in_any_spelling(operator: Operator, stores: Stores) -> None:
    placed = order(stores)
    number = stores.orders.head(placed).number
    for spelling in (
        str(placed),
        number,
        number.lower(),
        number.replace("-", ""),
        f" {number[:4]} {number[5:]} ",
    ):
        typed = operator("orders", "show", spelling)
        assert typed.status == 0, typed.err
        assert typed.out.startswith(f"Order {number} ({placed})")


def test_an_order_is_shown_with_all_that_is_known(operator: Operator, process: Process, paid: UUID) -> None:
    Worker(process).round()
    shown = json.loads(operator("orders", "show", str(paid), "--json").out)
    assert (shown["status"], shown["total_cents"], shown["email"]) == ("preparing", 2400, "ada@example.com")
    assert shown["payment"]["status"] == "captured"
    assert shown["payment"]["external_ref"].startswith("cs_")
    assert shown["lines"] == [{"sku": "pan", "name": "Product pan", "qty": 2, "price_cents": 1200}]
    assert [event["kind"] for event in shown["events"]] == ["placed", "payment_started", "paid", "preparing"]
    told = operator("orders", "show", str(paid)).out
    assert "Product pan  24.00 USD" in told
    assert shown["delivery"]["tracking_code"] in told


def test_an_order_goes_out_of_the_house_step_by_step(
    operator: Operator, process: Process, stores: Stores, paid: UUID
) -> None:
    number = stores.orders.head(paid).number
    assert operator("ship", number).out.startswith(f"Order {number} is now preparing. Its parcel is LF")
    shipment = stores.deliveries.for_tracking(paid).shipment
    assert shipment is not None
    assert operator("ship", number).out.startswith(f"Order {number} is now shipped.")
    refused = operator("ship", number)
    assert (refused.status, refused.out) == (1, "")
    assert (
        refused.err == f"storefront: Order {number} is shipped; only paid and prepared orders are shipped.\n"
    )
    typed = operator("track", number, "out_for_delivery", "--place", "Portland")
    assert typed.out == f"Order {number}: out_for_delivery is recorded. It is now shipped.\n"
    assert operator("track", number, "delivered").out.endswith("It is now delivered.\n")
    late = operator("track", number, "in_transit")
    assert late.status == 0
    assert "stays delivered" in late.out
    assert stores.orders.head(paid).status is OrderStatus.DELIVERED
    Worker(process).round()
    delivery = stores.deliveries.for_tracking(paid)
    assert delivery.shipment is not None
    assert delivery.shipment.status is ShipmentStatus.DELIVERED
    assert {step.place for step in delivery.tracking} == {"", "Portland"}
    assert_sound(process, due=True, stripe=True)


def test_what_has_no_parcel_is_neither_shipped_nor_tracked(operator: Operator, stores: Stores) -> None:
    unpaid = order(stores)
    number = stores.orders.head(unpaid).number
    assert operator("ship", number).err == (
        f"storefront: Order {number} is pending; only paid and prepared orders are shipped.\n"
    )
    tracked = operator("track", number, "in_transit")
    assert (tracked.status, tracked.err) == (1, f"storefront: Order {number} is pending; it has no parcel.\n")


def test_an_unpaid_order_is_cancelled_once(operator: Operator, process: Process, stores: Stores) -> None:
    sku = product(stores, quantity=4)
    unpaid = order(stores, sku, qty=4)
    number = stores.orders.head(unpaid).number
    assert operator("cancel", number).out == f"Order {number} is cancelled; its goods are free again.\n"
    assert stores.stock.level(sku).available == 4
    again = operator("cancel", number)
    assert (again.status, again.err) == (1, f"storefront: Order {number} is cancelled already.\n")
    assert_sound(process)


def test_a_paid_order_is_cancelled_with_its_money(
    operator: Operator, process: Process, stores: Stores, paid: UUID
) -> None:
    typed = operator("cancel", str(paid))
    assert typed.status == 0
    assert "24.00 USD goes back" in typed.out
    Worker(process).round()
    assert stores.orders.head(paid).payment_status is PaymentStatus.REFUNDED
    assert stores.stock.level("pan").available == 10
    assert_sound(process, due=True, stripe=True)


def test_without_stripe_nothing_is_cancelled(
    operator: Operator, process: Process, stores: Stores, stripe: str
) -> None:
    unpaid = order(stores)
    payments.start(stores, process.stripe, unpaid, back, "USD")
    process.settings.stripe_api_base = "http://127.0.0.1:9"
    typed = operator("cancel", str(unpaid))
    assert (typed.status, typed.out) == (1, "")
    assert stores.orders.head(unpaid).status is OrderStatus.PENDING


@pytest.mark.parametrize(("options", "left"), [([], 8), (["--restock"], 10)])
def test_a_refund_leaves_the_goods_where_it_is_told(
    operator: Operator, process: Process, stores: Stores, paid: UUID, options: list[str], left: int
) -> None:
    typed = operator("refund", str(paid), *options)
    assert typed.status == 0
    assert typed.out.endswith("are back in stock.\n" if options else "stay out of stock.\n")
    assert stores.stock.level("pan").quantity == left
    Worker(process).round()
    again = operator("refund", str(paid))
    assert (again.status, again.out) == (1, "")
    assert again.err.endswith("is refunded already.\n")
    assert_sound(process, due=True, stripe=True)


def test_what_was_not_paid_is_not_refunded(operator: Operator, stores: Stores) -> None:
    unpaid = order(stores)
    typed = operator("refund", str(unpaid))
    assert typed.status == 1
    assert typed.err.endswith("is pending; nothing was paid for it.\n")
    assert stores.orders.head(unpaid).status is OrderStatus.PENDING
