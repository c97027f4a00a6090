"""Shipments and the way of a parcel."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from storefront.domain.customers import PostalAddress

WORKING_DAYS = 3
"""What the shop promises from payment to door; Saturdays and Sundays do not count."""


class ShipmentStatus(StrEnum):
    PREPARING = "preparing"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERED = "delivered"
    EXCEPTION = "exception"
    RETURNED = "returned"
    CANCELLED = "cancelled"


# How far along each status is. A carrier's event never takes a parcel back; exceptions may come and go
# at any point before delivery.
PROGRESS = {
    ShipmentStatus.PREPARING: 0,
    ShipmentStatus.IN_TRANSIT: 1,
    ShipmentStatus.OUT_FOR_DELIVERY: 2,
    ShipmentStatus.DELIVERED: 3,
    ShipmentStatus.RETURNED: 4,
    ShipmentStatus.CANCELLED: 5,
}

CARRIER_STATUSES = frozenset(ShipmentStatus) - {ShipmentStatus.PREPARING, ShipmentStatus.CANCELLED}


@dataclass(frozen=True)
class CarrierEvent:
    """What a carrier reports of a parcel. ``event_id`` is the webhook's, the same on every repeat."""

    event_id: str
    tracking_code: str
    status: ShipmentStatus
    timestamp: datetime
    place: str = ""
    message: str = ""


@dataclass(frozen=True)
class Shipment:
    """A delivery as DynamoDB holds it."""

    order_id: str
    status: ShipmentStatus
    carrier: str
    tracking_code: str
    estimated_delivery: date
    address: PostalAddress


@dataclass(frozen=True)
class Tracking:
    timestamp: datetime
    status: ShipmentStatus
    place: str
    message: str


def moves_forward(before: str, after: ShipmentStatus, *, late: bool = False) -> bool:
    """Whether a carrier's status counts, given the last one that did.

    ``late``: it happened before that one. It then counts only if it is further on by itself, which an
    exception, coming and going at any point, never is.
    """
    old = ShipmentStatus(before)
    if old in (ShipmentStatus.DELIVERED, ShipmentStatus.RETURNED, ShipmentStatus.CANCELLED):
        return old is ShipmentStatus.DELIVERED and after is ShipmentStatus.RETURNED
    if after is ShipmentStatus.EXCEPTION:
        return old is ShipmentStatus.PREPARING or (old is not after and not late)
    if old is ShipmentStatus.EXCEPTION:
        return not late or PROGRESS[after] >= PROGRESS[ShipmentStatus.DELIVERED]
    return PROGRESS[after] > PROGRESS[old] or (PROGRESS[after] == PROGRESS[old] and not late)


def estimate(paid_on: date) -> date:
    """The day the parcel should arrive when it is paid on ``paid_on`` (the shop's time zone)."""
    day, left = paid_on, WORKING_DAYS
    while left:
        day += timedelta(days=1)
        if day.weekday() < 5:
            left -= 1
    return day
