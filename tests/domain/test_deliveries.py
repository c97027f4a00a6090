"""A delivery as it is stored, and when it should arrive."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime

from storefront.domain.deliveries import Delivery
from storefront.domain.parcels import ShipmentStatus

S = ShipmentStatus


STORED = {
    "status": "in_transit",
    "timestamp": "2026-03-02T12:00:00+00:00",
    "estimated": "2026-03-05",
    "projected": True,
    "version": 3,
    "look_again": "2026-03-05",
    "place": "Salem",
}


def test_a_delivery_is_stored_under_the_keys_it_was_read_from() -> None:
    delivery = Delivery.from_json(STORED)
    assert delivery.status is S.IN_TRANSIT
    assert delivery.timestamp == datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert delivery.estimated == date(2026, 3, 5)
    assert json.loads(json.dumps(delivery.as_json())) == STORED


def test_a_parcel_that_was_nowhere_yet_has_no_place() -> None:
    assert Delivery.from_json({key: STORED[key] for key in STORED if key != "place"}).place == ""


def test_what_a_later_version_wrote_survives_a_change_by_this_one() -> None:
    delivery = Delivery.from_json({**STORED, "parcels": [{"weight": 2}]})
    assert delivery.again().as_json() == {
        **STORED,
        "parcels": [{"weight": 2}],
        "projected": False,
        "version": 4,
    }


def test_a_delivery_told_again_outdoes_what_dynamodb_has() -> None:
    delivery = replace(Delivery.from_json(STORED), version=3)
    assert delivery.again(after=7).version == 8
    assert delivery.again(after=1).version == 4
