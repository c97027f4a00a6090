"""Deliveries: a shipment and the steps of its parcel, one item collection an order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest
from factories import ADDRESS

from storefront.config import Settings
from storefront.domain.customers import PostalAddress
from storefront.domain.deliveries import CarrierEvent, Shipment, ShipmentStatus
from storefront.repositories.dynamodb.client import DynamoDB
from storefront.repositories.dynamodb.deliveries import Deliveries

AT = datetime(2026, 11, 22, 14, 2, tzinfo=UTC)


@pytest.fixture
def deliveries(settings: Settings) -> Deliveries:
    return Deliveries(DynamoDB(settings))


@pytest.fixture
def order_id() -> UUID:
    return uuid4()


def shipment(order_id: UUID, address: PostalAddress = ADDRESS) -> Shipment:
    return Shipment(str(order_id), ShipmentStatus.PREPARING, "Post", "LFX", date(2026, 11, 25), address)


def step(event_id: str, at: datetime, status: ShipmentStatus = ShipmentStatus.IN_TRANSIT) -> CarrierEvent:
    return CarrierEvent(event_id, "LFX", status, at, place="Salem", message=f"Step {event_id}")


def test_without_a_shipment_there_is_none(deliveries: Deliveries, order_id: UUID) -> None:
    found = deliveries.for_tracking(order_id)
    assert (found.shipment, found.tracking) == (None, ())
    assert not deliveries.exists(order_id)


def test_7_a_shipment_is_written_once_and_stays_as_it_is(deliveries: Deliveries, order_id: UUID) -> None:
    first = shipment(order_id)
    assert deliveries.create(first) is True
    assert deliveries.create(replace(first, carrier="Another", tracking_code="Z")) is False
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
        deliveries.update(order_id, status, ADDRESS, version)
    found = deliveries.for_tracking(order_id).shipment
    assert found is not None
    assert found.status is ShipmentStatus.DELIVERED


def test_orders_are_kept_apart(deliveries: Deliveries) -> None:
    one, other = uuid4(), uuid4()
    deliveries.create(shipment(one))
    deliveries.record(one, step("a", AT))
    assert deliveries.for_tracking(other).tracking == ()
    assert not deliveries.exists(other)
