"""The audit finds wrong stock, and mends it where that is safe."""

from __future__ import annotations

import pytest

from storefront.audit import Finding, Remedy, Tools, repair
from storefront.domain.errors import Conflict
from storefront.domain.orders import Actor
from storefront.process import Process
from storefront.services import cancellation
from storefront.stores import Stores
from tests.support.audit import assert_sound, findings
from tests.support.audited_shop import AuditedShop, DropConstraint, told, tools
from tests.support.concurrency import at_once
from tests.support.database import plant
from tests.support.factories import order, product


@pytest.mark.parametrize(
    ("constraint", "change", "expected"),
    [
        ("", "reserved = reserved + 1", ["I2"]),
        ("", "reserved = reserved - 1", ["I2"]),
        ("", "received = received + 1", ["I3"]),
        ("", "quantity = quantity - 1", ["I3"]),
        ("stock_reserved_check", "reserved = -1", ["I1", "I2"]),
        ("stock_reserved_check", "reserved = quantity + 1", ["I1", "I2"]),
    ],
)
def test_wrong_stock_is_found_and_mended(
    process: Process,
    shop: AuditedShop,
    without: DropConstraint,
    constraint: str,
    change: str,
    expected: list[str],
) -> None:
    before = shop.stores.stock.level(shop.sku)
    if constraint:
        without("stock", constraint)
    plant(shop.stores, f"UPDATE stock SET {change} WHERE sku = :sku", sku=shop.sku)
    found = findings(shop.stores, due=False)
    assert [one.invariant for one in found] == expected
    assert {one.sku for one in found} == {shop.sku}
    for one in found:
        repair(tools(process), one)
    assert told(findings(shop.stores, due=False)) == []
    if "quantity" not in change.split("=", maxsplit=1)[0]:
        assert shop.stores.stock.level(shop.sku) == before


def test_goods_refunded_and_kept_out_count_as_sold(shop: AuditedShop) -> None:
    plant(
        shop.stores,
        "UPDATE refund_lines SET restocked = qty"
        " WHERE refund_id = (SELECT refund_id FROM refunds WHERE order_id = :id)",
        id=shop.ids["kept"],
    )
    assert [one.invariant for one in findings(shop.stores, due=False)] == ["I3"]


def test_more_promised_than_there_is_can_not_be_mended(
    process: Process, shop: AuditedShop, without: DropConstraint
) -> None:
    without("stock", "stock_reserved_check")
    plant(
        shop.stores,
        "UPDATE stock SET quantity = 1, reserved = 1, received = received + 1 - quantity WHERE sku = 'pan'",
    )
    (found,) = findings(shop.stores, due=False)
    assert (found.invariant, found.repairable) == ("I2", False)
    assert "storefront stock receive pan 2" in found.advice
    with pytest.raises(Conflict):
        repair(tools(process), found)


def test_a_recount_amid_orders_comes_out_right(process: Process, stores: Stores) -> None:
    sku = product(stores, quantity=200)
    wrong = Finding("I2", "", sku=sku, remedy=Remedy.RECOUNT)

    def buy() -> None:
        own = process.stores()
        for _ in range(5):
            own_order = order(own, sku)
            cancellation.cancel(own, process.stripe, own_order, by=Actor.SHOPPER)
            order(own, sku)

    def recount() -> None:
        own = process.stores()
        for _ in range(20):
            repair(Tools(own, process.stripe), wrong)

    assert not at_once(buy, recount, buy).errors
    assert stores.stock.level(sku).reserved == 10
    assert_sound(process)


def test_an_order_for_what_has_no_stock_record_is_found(shop: AuditedShop, without: DropConstraint) -> None:
    plant(shop.stores, "DELETE FROM stock WHERE sku = 'leaflet'")
    assert [(one.invariant, one.sku) for one in findings(shop.stores, due=False)] == [("I2", "leaflet")]
