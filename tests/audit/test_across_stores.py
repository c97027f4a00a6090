"""The audit finds where DynamoDB tells of a parcel otherwise than Aurora."""

from __future__ import annotations

from uuid import UUID

import pytest

from storefront import audit as auditing
from storefront.audit import Remedy, repair
from storefront.domain.deliveries import Shipment
from storefront.domain.errors import StoreUnavailable
from storefront.domain.orders import Actor
from storefront.domain.parcels import ParcelStatus, ShipmentStatus
from storefront.domain.payments import RefundReason
from storefront.process import Process
from storefront.services import cancellation, fulfilment, holds
from storefront.services.payments import refunds
from storefront.services.worker import Worker
from storefront.stores import Stores
from tests.support.audit import assert_sound, findings
from tests.support.audited_shop import AuditedShop, carried, claim_for_an_hour, opened, told, tools
from tests.support.database import plant
from tests.support.factories import ADDRESS, lapse, order
from tests.support.till import capture


@pytest.fixture
def shipped(process: Process, stores: Stores) -> UUID:
    ready = capture(stores, order(stores))
    fulfilment.write_shipments(stores)
    carried(stores, ready, ParcelStatus.IN_TRANSIT)
    fulfilment.project(stores)
    assert_sound(process, due=True)
    return ready


def test_a_lost_shipment_is_found_and_written_again(process: Process, stores: Stores, shipped: UUID) -> None:
    process.dynamodb.client.delete_item(
        TableName=process.dynamodb.deliveries,
        Key={"order_id": {"S": str(shipped)}, "item": {"S": "shipment"}},
    )
    mended_by_a_round(process, shipped, Remedy.CARRY_OVER)
    shipment = stores.deliveries.for_tracking(shipped).shipment
    assert shipment is not None
    assert (shipment.status, shipment.address) == (ShipmentStatus.IN_TRANSIT, ADDRESS)


@pytest.mark.parametrize(
    ("status", "version"), [("preparing", 2), ("in_transit", 90)], ids=["another status", "a later version"]
)
def test_a_shipment_that_tells_something_else_is_found_and_corrected(
    process: Process, stores: Stores, shipped: UUID, status: str, version: int
) -> None:
    process.dynamodb.client.update_item(
        TableName=process.dynamodb.deliveries,
        Key={"order_id": {"S": str(shipped)}, "item": {"S": "shipment"}},
        UpdateExpression="SET #s = :s, #v = :v",
        ExpressionAttributeNames={"#s": "status", "#v": "version"},
        ExpressionAttributeValues={":s": {"S": status}, ":v": {"N": str(version)}},
    )
    mended_by_a_round(process, shipped, Remedy.CARRY_OVER)


def test_news_that_stay_in_aurora_are_found_and_carried_over(
    process: Process, stores: Stores, shipped: UUID
) -> None:
    carried(stores, shipped, ParcelStatus.DELIVERED)
    claim_for_an_hour(stores, shipped)
    assert findings(stores, due=False) == []
    mended_by_a_round(process, shipped, Remedy.REQUEUE)
    shipment = stores.deliveries.for_tracking(shipped).shipment
    assert shipment is not None
    assert shipment.status is ShipmentStatus.DELIVERED


def shipment_of(stores: Stores, order_id: UUID) -> Shipment:
    head = stores.orders.summary(order_id)
    return Shipment(
        order_id=str(order_id),
        status=ShipmentStatus.PREPARING,
        estimated_delivery=head.created_at.date(),
        address=head.address,
    )


@pytest.mark.parametrize("ending", ["pending", "expired", "cancelled"])
def test_a_shipment_of_an_unpaid_order_is_found(process: Process, stores: Stores, ending: str) -> None:
    unpaid = order(stores)
    if ending == "expired":
        lapse(stores, unpaid)
        holds.expire_lapsed(stores, process.stripe)
    elif ending == "cancelled":
        cancellation.cancel(stores, process.stripe, unpaid, by=Actor.SHOPPER)
    stores.deliveries.create(shipment_of(stores, unpaid))
    (found,) = findings(stores, due=False)
    assert (found.invariant, found.order_id, found.repairable) == ("I7", unpaid, False)


def test_a_shipment_of_a_refunded_order_is_found_and_stopped(process: Process, stores: Stores) -> None:
    refunded = capture(stores, order(stores))
    refunds.refund(stores, refunded, restock=True, reason=RefundReason.SHOPPER)
    plant(stores, "UPDATE orders SET delivery = NULL WHERE order_id = :id", id=refunded)
    stores.deliveries.create(shipment_of(stores, refunded))
    mended_by_a_round(process, refunded, Remedy.STOP_PARCEL)
    shipment = stores.deliveries.for_tracking(refunded).shipment
    assert shipment is not None
    assert shipment.status is ShipmentStatus.CANCELLED


def test_a_refunded_order_that_is_still_prepared_is_stopped(process: Process) -> None:
    shop = opened(process)
    plant(
        shop.stores,
        'UPDATE orders SET delivery = delivery || \'{"status": "preparing"}\' WHERE order_id = :id',
        id=shop.ids["kept"],
    )
    for found in findings(shop.stores, due=False):
        repair(tools(process), found)
    fulfilment.project(shop.stores)
    assert told(findings(shop.stores, due=False)) == []


def mended_by_a_round(process: Process, order_id: UUID, remedy: Remedy) -> None:
    stores = process.stores()
    (found,) = findings(stores)
    assert (found.invariant, found.order_id, found.remedy) == ("I7", order_id, remedy)
    repair(tools(process), found)
    Worker(process).round()
    assert told(findings(stores)) == []


def test_without_dynamodb_nothing_is_said_to_be_sound(
    process: Process, shop: AuditedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9")
    stores = Process(process.settings).stores()
    result = auditing.audit(stores, "USD")
    assert (result.findings, result.unanswered, result.sound) == ([], ["DynamoDB"], False)
    with pytest.raises(StoreUnavailable):
        findings(stores)
