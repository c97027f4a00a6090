"""Deliveries: a shipment and the steps of its parcel, one item collection an order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest

from storefront.config import Settings
from storefront.domain.addresses import PostalAddress
from storefront.domain.deliveries import Shipment
from storefront.domain.order_views import Event
from storefront.domain.orders import EventKind
from storefront.domain.parcels import Parcel, ParcelLine, ParcelStatus, Settlement, ShipmentStatus
from storefront.repositories.dynamodb.client import DynamoDB
from storefront.repositories.dynamodb.deliveries import Deliveries
from tests.support.factories import ADDRESS

AT = datetime(2026, 11, 22, 14, 2, tzinfo=UTC)


@pytest.fixture
def deliveries(settings: Settings) -> Deliveries:
    return Deliveries(DynamoDB(settings))


@pytest.fixture
def order_id() -> UUID:
    return uuid4()


PARCEL = Parcel(
    parcel_id=UUID(int=7),
    carrier="DHL",
    tracking_code="JD 01",
    lines=(ParcelLine("mug", 2), ParcelLine("pan/red", 1)),
    at=AT,
    status=ParcelStatus.EXCEPTION,
    estimated_delivery=date(2026, 11, 26),
    place="Salem",
    message="Nobody at home",
)


def shipment(order_id: UUID, address: PostalAddress = ADDRESS) -> Shipment:
    return Shipment(str(order_id), ShipmentStatus.PREPARING, date(2026, 11, 25), address)


def step(event_id: str, at: datetime) -> Event:
    data = {"status": "in_transit", "place": "Salem", "message": f"Step {event_id}", "tracking_code": "X"}
    parcel = {"parcel_id": str(PARCEL.parcel_id)}
    return Event(f"carrier:{PARCEL.parcel_id}:{event_id}", at, EventKind.CARRIER, data | parcel)


def test_without_a_shipment_there_is_none(deliveries: Deliveries, order_id: UUID) -> None:
    found = deliveries.for_tracking(order_id)
    assert (found.shipment, found.tracking) == (None, ())
    assert not deliveries.exists(order_id)


def test_7_a_shipment_is_written_once_and_stays_as_it_is(deliveries: Deliveries, order_id: UUID) -> None:
    first = shipment(order_id)
    assert deliveries.create(first) is True
    assert deliveries.create(replace(first, estimated_delivery=date(2027, 1, 1))) is False
    assert deliveries.for_tracking(order_id).shipment == first
    assert deliveries.exists(order_id)


def test_an_address_of_any_letters_and_with_empty_parts_comes_back(
    deliveries: Deliveries, order_id: UUID
) -> None:
    odd = PostalAddress(name="Ŵ茶😀", line1='"\\', city="", zip="", country="HK", region="", phone="")
    deliveries.create(shipment(order_id, odd))
    found = deliveries.for_tracking(order_id).shipment
    assert found is not None
    assert found.address == odd


def test_steps_come_oldest_first_whatever_their_order_of_arrival_or_zone(
    deliveries: Deliveries, order_id: UUID
) -> None:
    east = timezone(timedelta(hours=9))
    deliveries.record(order_id, step("c", AT + timedelta(minutes=2)))
    deliveries.record(order_id, step("a", AT))
    deliveries.record(order_id, step("b", (AT + timedelta(minutes=1)).astimezone(east)))
    found = deliveries.for_tracking(order_id).tracking
    assert [one.message for one in found] == ["Step a", "Step b", "Step c"]
    assert found[1].timestamp == AT + timedelta(minutes=1)


def test_the_same_step_again_changes_nothing(deliveries: Deliveries, order_id: UUID) -> None:
    for _ in range(3):
        deliveries.record(order_id, step("a", AT))
    assert len(deliveries.for_tracking(order_id).tracking) == 1


def test_two_steps_of_one_moment_are_two(deliveries: Deliveries, order_id: UUID) -> None:
    for name in ("a", "b"):
        deliveries.record(order_id, step(name, AT))
    assert len(deliveries.for_tracking(order_id).tracking) == 2


def test_a_slow_writer_never_undoes_a_later_change(deliveries: Deliveries, order_id: UUID) -> None:
    deliveries.create(shipment(order_id))
    for status, version in (
        (ShipmentStatus.IN_TRANSIT, 2),
        (ShipmentStatus.DELIVERED, 4),
        (ShipmentStatus.DELIVERED, 4),
        (ShipmentStatus.OUT_FOR_DELIVERY, 3),
    ):
        deliveries.update(order_id, replace(shipment(order_id), status=status, version=version))
    found = deliveries.for_tracking(order_id).shipment
    assert found is not None
    assert found.status is ShipmentStatus.DELIVERED


def test_parcels_come_back_as_they_were_told(deliveries: Deliveries, order_id: UUID) -> None:
    deliveries.create(shipment(order_id))
    settled = replace(PARCEL, parcel_id=uuid4(), status=ParcelStatus.LOST, settled=Settlement.SENT_AGAIN)
    bare = replace(PARCEL, parcel_id=uuid4(), estimated_delivery=None, place="", message="")
    told = replace(shipment(order_id), parcels=(PARCEL, settled, bare), version=2)
    deliveries.update(order_id, told)
    assert deliveries.for_tracking(order_id).shipment == told
    (written,) = deliveries.written([order_id]).values()
    assert written.parcels == {p.parcel_id: p.status for p in told.parcels}


def test_of_many_steps_the_newest_fifty_come_with_the_shipment(
    deliveries: Deliveries, order_id: UUID
) -> None:
    deliveries.create(shipment(order_id))
    for n in range(51):
        deliveries.record(order_id, step(str(n), AT + timedelta(minutes=n)))
        found = deliveries.for_tracking(order_id) if n > 47 else None
        if found:
            assert found.shipment == shipment(order_id)
            assert [one.message for one in found.tracking][-1] == f"Step {n}"
            assert len(found.tracking) == min(n + 1, 50)


def test_a_shipment_of_before_there_were_parcels_has_none(
    deliveries: Deliveries, order_id: UUID, settings: Settings
) -> None:
    deliveries.create(shipment(order_id))
    dynamodb = DynamoDB(settings)
    dynamodb.client.update_item(
        TableName=dynamodb.deliveries,
        Key={"order_id": {"S": str(order_id)}, "item": {"S": "shipment"}},
        UpdateExpression="REMOVE parcels, version",
    )
    assert deliveries.for_tracking(order_id).shipment == shipment(order_id)


def test_orders_are_kept_apart(deliveries: Deliveries) -> None:
    one, other = uuid4(), uuid4()
    deliveries.create(shipment(one))
    deliveries.record(one, step("a", AT))
    assert deliveries.for_tracking(other).tracking == ()
    assert not deliveries.exists(other)
