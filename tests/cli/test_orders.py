"""What operators see of orders and do to them."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from storefront.cli import orders as orders_command
from storefront.domain.orders import OrderStatus
from storefront.domain.parcels import ParcelLine, ParcelStatus, ShipmentStatus
from storefront.domain.payments import PaymentStatus
from storefront.process import Process
from storefront.services import carrier_events
from storefront.services.worker import Worker
from storefront.stores import Stores
from tests.cli.conftest import Operator
from tests.support.audit import assert_sound
from tests.support.factories import order, pay_page, product
from tests.support.till import capture, open_page, settle
from tests.support.worker import event, pack, work


@pytest.fixture
def paid(process: Process, stores: Stores, stripe: str) -> UUID:
    bought = order(stores, product(stores, "pan", quantity=10), qty=2)
    pay_page(open_page(process, bought))
    settle(process, bought)
    return bought


def test_a_list_is_newest_first(operator: Operator, stores: Stores) -> None:
    first, second = order(stores), order(stores)
    typed = operator("orders", "list", "--json")
    listed = json.loads(typed.out)
    assert typed.status == 0
    assert [one["order_id"] for one in listed] == [str(second), str(first)]
    head = stores.orders.summary(second)
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


def test_a_list_longer_than_a_page_has_every_order_once(operator: Operator, stores: Stores) -> None:
    sku = product(stores, quantity=orders_command.SHOWN + 1)
    placed = [order(stores, sku) for _ in range(orders_command.SHOWN + 1)]
    for page in (7, len(placed), len(placed) + 1):
        assert [row.order_id for row in orders_command.every(stores, page)] == placed[::-1]
    listed = [one["order_id"] for one in json.loads(operator("orders", "list", "--json").out)]
    assert listed == [str(one) for one in placed[::-1]]
    assert operator("orders", "list").out.splitlines()[-1] == (
        "These are the newest 100; --all lists the others too."
    )
    assert len(operator("orders", "list", "--all").out.splitlines()) == len(placed)


def test_an_order_is_found_by_id_and_by_number_in_any_spelling(operator: Operator, stores: Stores) -> None:
    placed = order(stores)
    number = stores.orders.summary(placed).number
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
    assert operator("ship", str(paid)).status == 0
    shown = json.loads(operator("orders", "show", str(paid), "--json").out)
    assert (shown["status"], shown["total_cents"], shown["email"]) == ("preparing", 2400, "ada@example.com")
    assert shown["payment"]["status"] == "captured"
    assert shown["payment"]["external_ref"].startswith("cs_")
    assert shown["lines"] == [
        {"sku": "pan", "name": "Product pan", "qty": 2, "price_cents": 1200, "refunded": 0}
    ]
    kinds = [event["kind"] for event in shown["events"]]
    assert kinds == ["placed", "payment_started", "paid", "preparing", "parcel_booked"]
    told = operator("orders", "show", str(paid)).out
    assert "Product pan  24.00 USD" in told
    (parcel,) = shown["parcels"]
    assert parcel["lines"] == [{"sku": "pan", "quantity": 2}]
    assert parcel["tracking_code"] in told


def test_an_order_goes_out_of_the_house_step_by_step(
    operator: Operator, process: Process, stores: Stores, paid: UUID
) -> None:
    number = stores.orders.summary(paid).number
    booked = operator("ship", number, "--carrier", "DHL", "--code", "JD 01", "--line", "pan=1")
    assert booked.out == f"Order {number}: parcel JD 01 with DHL holds 1 x pan.\n"
    assert operator("ship", number, "--carrier", "dhl", "--code", "jd01").out == booked.out, "the same parcel"
    assert operator("ship", number).out.startswith(f"Order {number}: parcel LF")
    refused = operator("ship", number)
    assert (refused.status, refused.out) == (1, "")
    assert refused.err == f"storefront: All of order {number} is in parcels already\n"
    assert stores.orders.summary(paid).status is OrderStatus.PREPARING
    ours = stores.parcels.of(paid)[1].tracking_code
    assert operator("track", number, "delivered").err.endswith("has 2 parcels: name one by its code.\n")
    typed = operator("track", "jd01", "out_for_delivery", "--place", "Portland", "--estimated", "2026-12-01")
    assert typed.out.endswith(f"out_for_delivery is recorded. Order {number} is now shipped.\n")
    assert operator("track", "JD01", "delivered").out.endswith("is now shipped.\n")
    assert operator("track", ours, "delivered").out.endswith("is now delivered.\n")
    late = operator("track", ours, "in_transit", "--at", "2026-01-01T10:00")
    assert late.status == 0
    assert "stays delivered" in late.out
    assert stores.orders.summary(paid).status is OrderStatus.DELIVERED
    Worker(process).round()
    delivery = stores.deliveries.for_tracking(paid)
    assert delivery.shipment is not None
    assert delivery.shipment.status is ShipmentStatus.DELIVERED
    assert {step.place for step in delivery.tracking} == {"", "Portland"}
    assert_sound(process, due=True, stripe=True)


def test_what_has_no_parcel_is_neither_shipped_nor_tracked(operator: Operator, stores: Stores) -> None:
    unpaid = order(stores)
    number = stores.orders.summary(unpaid).number
    assert operator("ship", number).err == (
        f"storefront: Order {number} is pending, so nothing of it is to be sent\n"
    )
    tracked = operator("track", number, "in_transit")
    assert (tracked.status, tracked.err) == (
        1,
        f"storefront: Order {number} has no parcels: name one by its code.\n",
    )
    assert operator("track", "XYZ", "in_transit").err == "storefront: There is no parcel XYZ\n"


def test_an_unpaid_order_is_cancelled_once(operator: Operator, process: Process, stores: Stores) -> None:
    sku = product(stores, quantity=4)
    unpaid = order(stores, sku, qty=4)
    number = stores.orders.summary(unpaid).number
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
    assert stores.orders.summary(paid).payment_status is PaymentStatus.REFUNDED
    assert stores.stock.level("pan").available == 10
    assert_sound(process, due=True, stripe=True)


def test_of_an_order_that_left_in_part_the_rest_is_cancelled(
    operator: Operator, process: Process, stores: Stores
) -> None:
    lamp, mug = product(stores, name="Lamp"), product(stores, name="Mug")
    order_id = order(stores, lamp, mug)
    capture(stores, order_id)
    work(process)
    pack(stores, order_id, ParcelLine(lamp, 1), code="LEFT")
    carrier_events.record(stores, event("LEFT", ParcelStatus.IN_TRANSIT))
    number = stores.orders.summary(order_id).number
    assert operator("cancel", number).out == (
        f"Order {number} had left in part. Of it 1 × Mug is cancelled and back in stock: "
        "12.00 USD goes back.\n"
    )
    assert operator("cancel", number).status == 1


def test_without_stripe_nothing_is_cancelled(
    operator: Operator, process: Process, stores: Stores, stripe: str
) -> None:
    unpaid = order(stores)
    open_page(process, unpaid)
    process.settings.stripe_api_base = "http://127.0.0.1:9"
    typed = operator("cancel", str(unpaid))
    assert (typed.status, typed.out) == (1, "")
    assert stores.orders.summary(unpaid).status is OrderStatus.PENDING


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


def test_a_line_is_refunded_in_part_and_the_rest_later(
    operator: Operator, process: Process, stores: Stores, paid: UUID
) -> None:
    number = stores.orders.summary(paid).number
    typed = operator("refund", number, "--line", "pan=1", "--restock")
    assert typed.out == (
        f"Order {number} is refunded in part: 12.00 USD goes back within moments,"
        " its goods are back in stock.\n"
    )
    assert stores.stock.level("pan").quantity == 9
    Worker(process).round()
    shown = json.loads(operator("orders", "show", number, "--json").out)
    assert (shown["status"], shown["payment"]["status"]) == ("preparing", "captured")
    assert shown["lines"][0]["refunded"] == 1
    (refund,) = shown["refunds"]
    assert (refund["cents"], refund["status"], refund["restock"]) == (1200, "done", True)
    assert refund["external_ref"].startswith("re_")
    assert refund["lines"] == [{"sku": "pan", "qty": 1, "restocked": 1}]
    assert "Refunded 12.00 USD, done" in operator("orders", "show", number).out
    assert_sound(process, due=True, stripe=True)
    assert operator("refund", number).out.startswith(f"Order {number} is refunded: 12.00 USD")
    Worker(process).round()
    assert_sound(process, due=True, stripe=True)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("pan=3", "Of 'pan' in order"),
        ("pot=1", "has no line 'pot'"),
        ("pan", "is not a SKU"),
        ("pan=0", "is not a SKU"),
        ("pan=1_0", "is not a SKU"),
        ("=1", "is not a SKU"),
    ],
)
def test_odd_lines_are_refused(operator: Operator, stores: Stores, paid: UUID, line: str, words: str) -> None:
    typed = operator("refund", str(paid), "--line", line)
    assert typed.status != 0
    assert words in typed.err
    assert stores.orders.view(paid).refunds == ()


def test_what_was_not_paid_is_not_refunded(operator: Operator, stores: Stores) -> None:
    unpaid = order(stores)
    typed = operator("refund", str(unpaid))
    assert typed.status == 1
    assert typed.err.endswith("is pending; nothing was paid for it.\n")
    assert stores.orders.summary(unpaid).status is OrderStatus.PENDING
