"""Deliveries: a shipment and the steps of its parcel, one item collection an order."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from botocore.exceptions import ClientError

from storefront.domain.customers import PostalAddress
from storefront.domain.deliveries import CarrierEvent, Shipment, ShipmentStatus, Tracking
from storefront.domain.errors import StoreUnavailable
from storefront.repositories.dynamodb.client import DynamoDB, condition_failed, dynamo_errors

SHIPMENT = "shipment"
TRACKING = "tracking#"


@dataclass(frozen=True)
class Delivery:
    """What one Query tells of a delivery; ``shipment`` is None until it is written."""

    shipment: Shipment | None
    tracking: tuple[Tracking, ...]


@dataclass(frozen=True)
class Written:
    """A shipment as DynamoDB tells it; ``version`` is 1 until it is changed."""

    status: ShipmentStatus
    version: int


class Deliveries:
    def __init__(self, dynamodb: DynamoDB) -> None:
        self._dynamodb = dynamodb

    def for_tracking(self, order_id: UUID) -> Delivery:
        """Shipment and parcel steps, oldest first, by one Query.

        Raises:
            StoreUnavailable: DynamoDB is away, which is never told as "no shipment".
        """
        with dynamo_errors():
            answer = self._dynamodb.client.query(
                TableName=self._dynamodb.deliveries,
                KeyConditionExpression="order_id = :o",
                ExpressionAttributeValues={":o": {"S": str(order_id)}},
            )
        items = answer["Items"]
        shipment = next((_shipment(i) for i in items if i["item"]["S"] == SHIPMENT), None)
        steps = [_tracking(i) for i in items if i["item"]["S"].startswith(TRACKING)]
        return Delivery(shipment, tuple(steps))

    def create(self, shipment: Shipment) -> bool:
        """Write a shipment once; False if one was there, which stays as it is.

        Raises:
            StoreUnavailable: the outcome is unknown; call again.
        """
        item: dict[str, Any] = {
            "order_id": {"S": shipment.order_id},
            "item": {"S": SHIPMENT},
            "status": {"S": shipment.status},
            "carrier": {"S": shipment.carrier},
            "tracking_code": {"S": shipment.tracking_code},
            "estimated_delivery": {"S": shipment.estimated_delivery.isoformat()},
            "address": {"M": {k: {"S": v} for k, v in asdict(shipment.address).items()}},
        }
        with dynamo_errors():
            try:
                self._dynamodb.client.put_item(
                    TableName=self._dynamodb.deliveries,
                    Item=item,
                    ConditionExpression="attribute_not_exists(order_id)",
                )
            except ClientError as error:
                # Also what a repeat of one's own write gets when its first answer was lost: either way
                # the one shipment of this order is there.
                if not condition_failed(error):
                    raise
                return False
        return True

    def record(self, order_id: UUID, event: CarrierEvent) -> None:
        """Write a step of the parcel; the same event again changes nothing.

        Raises:
            StoreUnavailable: call again.
        """
        at = event.timestamp.astimezone(UTC).isoformat()
        with dynamo_errors():
            self._dynamodb.client.put_item(
                TableName=self._dynamodb.deliveries,
                Item={
                    "order_id": {"S": str(order_id)},
                    "item": {"S": f"{TRACKING}{at}#{event.event_id}"},
                    "timestamp": {"S": at},
                    "status": {"S": event.status},
                    "place": {"S": event.place},
                    "message": {"S": event.message},
                },
            )

    def update(self, order_id: UUID, status: ShipmentStatus, address: PostalAddress, version: int) -> None:
        """Make the shipment tell what Aurora tells of it.

        ``version`` grows with every change in Aurora, so that a slow writer never undoes a later one.

        Raises:
            StoreUnavailable: call again.
        """
        with dynamo_errors():
            try:
                self._dynamodb.client.update_item(
                    TableName=self._dynamodb.deliveries,
                    Key={"order_id": {"S": str(order_id)}, "item": {"S": SHIPMENT}},
                    UpdateExpression="SET #s = :s, address = :a, #v = :v",
                    ConditionExpression="attribute_exists(order_id)"
                    " AND (attribute_not_exists(#v) OR #v <= :v)",
                    ExpressionAttributeNames={"#s": "status", "#v": "version"},
                    ExpressionAttributeValues={
                        ":s": {"S": status},
                        ":v": {"N": str(version)},
                        ":a": {"M": {k: {"S": v} for k, v in asdict(address).items()}},
                    },
                )
            except ClientError as error:
                if not condition_failed(error):
                    raise

    def written(self, order_ids: Sequence[UUID]) -> dict[UUID, Written]:
        """How the shipments of up to 100 orders stand, by a consistent read; those without are left out.

        Raises:
            StoreUnavailable: DynamoDB is away, or throttles for longer than is worth waiting.
        """
        table = self._dynamodb.deliveries
        asked: dict[str, Any] = {
            table: {
                "Keys": [{"order_id": {"S": str(o)}, "item": {"S": SHIPMENT}} for o in order_ids],
                "ConsistentRead": True,
                "ProjectionExpression": "order_id, #s, #v",
                "ExpressionAttributeNames": {"#s": "status", "#v": "version"},
            }
        }
        found: dict[UUID, Written] = {}
        for pause in (0.05, 0.1, 0.2, 0.4, 0.8, 0.0):
            with dynamo_errors():
                answer = self._dynamodb.client.batch_get_item(RequestItems=asked)
            for item in answer["Responses"].get(table, []):
                version = int(item["version"]["N"]) if "version" in item else 1
                found[UUID(item["order_id"]["S"])] = Written(ShipmentStatus(item["status"]["S"]), version)
            asked = answer.get("UnprocessedKeys") or {}
            if not asked:
                return found
            time.sleep(pause)
        raise StoreUnavailable("dynamodb")

    def exists(self, order_id: UUID) -> bool:
        """Whether a shipment is written, by a consistent read.

        Raises:
            StoreUnavailable: DynamoDB is away.
        """
        with dynamo_errors():
            answer = self._dynamodb.client.get_item(
                TableName=self._dynamodb.deliveries,
                Key={"order_id": {"S": str(order_id)}, "item": {"S": SHIPMENT}},
                ConsistentRead=True,
                ProjectionExpression="order_id",
            )
        return "Item" in answer


def _shipment(item: dict[str, Any]) -> Shipment:
    return Shipment(
        order_id=item["order_id"]["S"],
        status=ShipmentStatus(item["status"]["S"]),
        carrier=item["carrier"]["S"],
        tracking_code=item["tracking_code"]["S"],
        estimated_delivery=date.fromisoformat(item["estimated_delivery"]["S"]),
        address=PostalAddress(**{k: v["S"] for k, v in item["address"]["M"].items()}),
    )


def _tracking(item: dict[str, Any]) -> Tracking:
    return Tracking(
        timestamp=datetime.fromisoformat(item["timestamp"]["S"]),
        status=ShipmentStatus(item["status"]["S"]),
        place=item["place"]["S"],
        message=item["message"]["S"],
    )
