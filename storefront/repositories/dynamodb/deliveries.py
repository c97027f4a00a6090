"""Deliveries: a shipment and the steps of its parcel, one item collection an order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from uuid import UUID

from storefront.domain.addresses import PostalAddress
from storefront.domain.deliveries import Shipment, Tracking
from storefront.domain.order_views import Event
from storefront.domain.parcels import Parcel, ParcelLine, ParcelStatus, Settlement, ShipmentStatus
from storefront.repositories.dynamodb import keys
from storefront.repositories.dynamodb.client import DynamoDB
from storefront.repositories.dynamodb.table import (
    MISSING,
    AttributeValue,
    Condition,
    ConditionFailed,
    Item,
    Put,
    Table,
    Update,
)

STEPS = 50
"""Steps that a page shows, the newest."""


@dataclass(frozen=True)
class DeliveryRecord:
    """What one Query tells of a delivery; ``shipment`` is None until it is written."""

    shipment: Shipment | None
    tracking: tuple[Tracking, ...]


@dataclass(frozen=True)
class Written:
    """A shipment as DynamoDB tells it; ``version`` is 1 until it is changed."""

    status: ShipmentStatus
    version: int
    parcels: Mapping[UUID, ParcelStatus] = field(default_factory=dict)


class Deliveries:
    def __init__(self, dynamodb: DynamoDB) -> None:
        self._table = Table(dynamodb, dynamodb.deliveries)

    def for_tracking(self, order_id: UUID) -> DeliveryRecord:
        """Shipment and the newest 50 steps, oldest first, by one Query.

        Raises:
            StoreUnavailable: DynamoDB is unavailable, which is never told as "no shipment".
        """
        # The shipment's key sorts before the steps', so it is the last to come.
        items = list(self._table.query(keys.delivery(order_id), consistent=False, newest=STEPS + 1))
        shipment = next((_shipment(i) for i in items if keys.sort_key(i) == keys.SHIPMENT), None)
        steps = [_tracking(i) for i in items if keys.sort_key(i).startswith(keys.TRACKING)]
        if shipment is None and len(items) > STEPS:
            # Only of an order with more steps than a page shows.
            last = self._table.get(keys.shipment(order_id))
            shipment = _shipment(last) if last else None
        return DeliveryRecord(shipment, tuple(reversed(steps[:STEPS])))

    def create(self, shipment: Shipment) -> bool:
        """Write a shipment once; False if one was there, which stays as it is.

        Raises:
            StoreUnavailable: the outcome is unknown; call again.
        """
        item: Item = {**keys.shipment(UUID(shipment.order_id)), **_told(shipment)}
        try:
            self._table.write(Put(item, MISSING))
        except ConditionFailed:
            # Also what a repeat of one's own write gets when its first answer was lost: either way
            # the one shipment of this order is there.
            return False
        return True

    def record(self, order_id: UUID, step: Event) -> None:
        """Write a carrier's event as a step of its parcel; the same again changes nothing.

        Raises:
            StoreUnavailable: call again.
        """
        report = step.carrier_event.report
        item: Item = {
            **keys.tracking(order_id, report.at, step.event_id.removeprefix("carrier:")),
            "timestamp": {"S": report.at.astimezone(UTC).isoformat()},
            "status": {"S": report.status},
            "place": {"S": report.place},
            "message": {"S": report.message},
        }
        if step.parcel_id:
            item = {**item, "parcel_id": {"S": str(step.parcel_id)}}
        self._table.write(Put(item))

    def update(self, order_id: UUID, shipment: Shipment) -> None:
        """Make the shipment tell what Aurora tells of it.

        Its version grows with every change in Aurora, so that a slow writer never undoes a later one.

        Raises:
            StoreUnavailable: call again.
        """
        told = _told(shipment)
        not_later = Condition(
            "attribute_exists(order_id) AND (attribute_not_exists(#version) OR #version <= :version)"
        )
        change = Update(
            keys.shipment(order_id),
            "SET " + ", ".join(f"#{name} = :{name}" for name in told),
            {f":{name}": value for name, value in told.items()},
            when=not_later,
            names={f"#{name}": name for name in told},
        )
        try:
            self._table.write(change)
        except ConditionFailed:
            # Not written yet, or a later change was faster.
            return

    def written(self, order_ids: Sequence[UUID]) -> dict[UUID, Written]:
        """How the shipments of up to 100 orders stand, by a consistent read; those without are left out.

        Raises:
            StoreUnavailable: DynamoDB is unavailable, or throttles for longer than is worth waiting.
        """
        items = self._table.get_many(
            [keys.shipment(order_id) for order_id in order_ids],
            ("order_id", "status", "version", "parcels"),
        )
        return {
            UUID(item["order_id"]["S"]): Written(
                ShipmentStatus(item["status"]["S"]),
                int(item.get("version", {}).get("N", "1")),
                {parcel.parcel_id: parcel.status for parcel in _parcels(item)},
            )
            for item in items
        }

    def exists(self, order_id: UUID) -> bool:
        """Whether a shipment is written, by a consistent read.

        Raises:
            StoreUnavailable: DynamoDB is unavailable.
        """
        return self._table.get(keys.shipment(order_id)) is not None


def _told(shipment: Shipment) -> dict[str, AttributeValue]:
    return {
        "status": {"S": shipment.status},
        "estimated_delivery": {"S": shipment.estimated_delivery.isoformat()},
        "address": _address(shipment.address),
        "parcels": {"L": [_parcel_map(parcel) for parcel in shipment.parcels]},
        "version": {"N": str(shipment.version)},
    }


def _parcel_map(parcel: Parcel) -> AttributeValue:
    day = parcel.estimated_delivery
    texts = {
        "parcel_id": str(parcel.parcel_id),
        "carrier": parcel.carrier,
        "tracking_code": parcel.tracking_code,
        "status": parcel.status.value,
        "at": parcel.at.astimezone(UTC).isoformat(),
        "place": parcel.place,
        "message": parcel.message,
        **({"estimated_delivery": day.isoformat()} if day else {}),
        **({"settled": parcel.settled.value} if parcel.settled else {}),
    }
    lines: list[AttributeValue] = [
        {"M": {"sku": {"S": line.sku}, "qty": {"N": str(line.qty)}}} for line in parcel.lines
    ]
    return {"M": {**{name: {"S": value} for name, value in texts.items()}, "lines": {"L": lines}}}


def _shipment(item: Item) -> Shipment:
    return Shipment(
        order_id=item["order_id"]["S"],
        status=ShipmentStatus(item["status"]["S"]),
        estimated_delivery=date.fromisoformat(item["estimated_delivery"]["S"]),
        address=PostalAddress(**{k: v["S"] for k, v in item["address"]["M"].items()}),
        parcels=_parcels(item),
        version=int(item.get("version", {}).get("N", "1")),
    )


def _parcels(item: Item) -> tuple[Parcel, ...]:
    return tuple(_parcel(one["M"]) for one in item.get("parcels", {}).get("L", ()))


def _parcel(told: Item) -> Parcel:
    day, settled = told.get("estimated_delivery"), told.get("settled")
    return Parcel(
        parcel_id=UUID(told["parcel_id"]["S"]),
        carrier=told["carrier"]["S"],
        tracking_code=told["tracking_code"]["S"],
        lines=tuple(
            ParcelLine(one["M"]["sku"]["S"], int(one["M"]["qty"]["N"])) for one in told["lines"]["L"]
        ),
        at=datetime.fromisoformat(told["at"]["S"]),
        status=ParcelStatus(told["status"]["S"]),
        estimated_delivery=date.fromisoformat(day["S"]) if day else None,
        place=told["place"]["S"],
        message=told["message"]["S"],
        settled=Settlement(settled["S"]) if settled else None,
    )


def _tracking(item: Item) -> Tracking:
    parcel_id = item.get("parcel_id")
    return Tracking(
        timestamp=datetime.fromisoformat(item["timestamp"]["S"]),
        status=ParcelStatus(item["status"]["S"]),
        place=item["place"]["S"],
        message=item["message"]["S"],
        parcel_id=UUID(parcel_id["S"]) if parcel_id else None,
    )


def _address(address: PostalAddress) -> AttributeValue:
    return {"M": {name: {"S": value} for name, value in asdict(address).items()}}
