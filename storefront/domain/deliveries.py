"""Shipments and the way of a parcel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import NotRequired, TypedDict, cast
from uuid import UUID

from storefront.domain.addresses import PostalAddress
from storefront.domain.packing import Packing
from storefront.domain.parcels import Parcel, ParcelStatus, ShipmentStatus


@dataclass(frozen=True)
class Shipment:
    """A delivery as DynamoDB holds it, or as Aurora's copy tells it while DynamoDB is unavailable.

    ``estimated_delivery`` is the day on which all of it should be there, ``version`` what Aurora had told
    when it was written.
    """

    order_id: str
    status: ShipmentStatus
    estimated_delivery: date
    address: PostalAddress
    parcels: tuple[Parcel, ...] = ()
    version: int = 1


class StoredDelivery(TypedDict):
    """A delivery as JSON. Both versions of the shop read it while one follows the other."""

    status: str
    timestamp: str
    estimated: str
    projected: bool
    version: int
    look_again: NotRequired[str | None]
    place: NotRequired[str]


@dataclass(frozen=True)
class Delivery:
    """What Aurora tells of an order's parcels together, and the worker carries over to DynamoDB.

    ``timestamp`` is when a carrier last told something that counts, ``estimated`` a day in the shop's time
    zone, as is ``look_again``: after its end the order may be late without anybody reporting it.
    ``projected`` tells whether DynamoDB has all of this; ``version`` grows with each change that it must be
    told. ``more`` is what another version of the shop has written, and gets back untouched.
    """

    status: ShipmentStatus
    timestamp: datetime
    estimated: date
    projected: bool
    version: int = 1
    look_again: date | None = None
    place: str = ""
    more: Mapping[str, object] = field(default_factory=dict, hash=False)

    @classmethod
    def first(cls, promised: date, at: datetime, *, projected: bool) -> Delivery:
        """Nothing is in a parcel yet; ``projected`` if the shipment in DynamoDB tells the same."""
        return cls(ShipmentStatus.PREPARING, at, promised, projected, look_again=promised)

    def shipment(self, order_id: UUID, address: PostalAddress, parcels: tuple[Parcel, ...] = ()) -> Shipment:
        """This delivery as DynamoDB shall hold it, and as it is told without DynamoDB."""
        return Shipment(str(order_id), self.status, self.estimated, address, parcels, self.version)

    def again(self, after: int = 0) -> Delivery:
        """Due for DynamoDB once more, which takes no version before its own: a later one than ``after``."""
        return replace(self, projected=False, version=max(self.version, after) + 1)

    def cancelled(self) -> Delivery:
        return replace(self.again(), status=ShipmentStatus.CANCELLED, look_again=None)

    def following(self, packing: Packing, promised_on: date, today: date) -> Delivery:
        """As the parcels have it; due for DynamoDB, which holds each of them, whatever has changed."""
        told = max(packing.parcels, key=lambda p: p.at, default=None)
        return replace(
            self.again(),
            status=packing.status(promised_on, today),
            estimated=packing.estimated(promised_on),
            timestamp=told.at if told else self.timestamp,
            place=told.place if told else "",
            look_again=packing.look_again(promised_on, today),
        )

    @classmethod
    def from_json(cls, stored: Mapping[str, object]) -> Delivery:
        told = cast(StoredDelivery, stored)
        look_again = told.get("look_again")
        return cls(
            status=ShipmentStatus(told["status"]),
            timestamp=datetime.fromisoformat(told["timestamp"]),
            estimated=date.fromisoformat(told["estimated"]),
            projected=told["projected"],
            version=told["version"],
            look_again=date.fromisoformat(look_again) if look_again else None,
            place=told.get("place", ""),
            more={key: value for key, value in stored.items() if key not in StoredDelivery.__annotations__},
        )

    def as_json(self) -> dict[str, object]:
        known = StoredDelivery(
            status=self.status.value,
            timestamp=self.timestamp.isoformat(),
            estimated=self.estimated.isoformat(),
            projected=self.projected,
            version=self.version,
            look_again=self.look_again.isoformat() if self.look_again else None,
            place=self.place,
        )
        return {**self.more, **known}


@dataclass(frozen=True)
class Tracking:
    """One step of a parcel as its carrier told it. ``parcel_id`` is None on steps from before there could be
    several parcels."""

    timestamp: datetime
    status: ParcelStatus
    place: str
    message: str
    parcel_id: UUID | None = None
