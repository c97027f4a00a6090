"""What carriers report: recorded always, and kept for the parcel that is not booked yet."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from storefront.domain.errors import StoreUnavailable
from storefront.domain.parcels import CarrierEvent
from storefront.repositories.aurora.parcels import Found
from storefront.services import parcel_attention, parcels
from storefront.stores import Stores, again_if_lost

TRIES = 3
BATCH = 100
UNBOOKED_AFTER = timedelta(days=1)
FORGOTTEN_AFTER = timedelta(days=30)


class Outcome(StrEnum):
    RECORDED = "recorded"
    REPEATED = "repeated"
    KEPT = "kept"
    """No parcel, or more than one, has this code: the inbox has it."""


def record(stores: Stores, event: CarrierEvent) -> Outcome:
    """Take in a carrier's event, once.

    Aurora decides, under the order's lock; the worker carries it over to DynamoDB. A late event moves
    nothing backwards; one for a refunded order is recorded and flagged.

    Raises:
        StoreUnavailable: Aurora is unavailable; send it again.
    """
    for _ in range(TRIES):
        found = stores.parcels.find(event.tracking_code, event.carrier)
        if len(found) == 1:
            return _record(stores, found[0], event)
        if _kept(stores, event):
            return Outcome.KEPT
    raise StoreUnavailable("aurora")


@again_if_lost
def _record(stores: Stores, found: Found, event: CarrierEvent) -> Outcome:
    with stores.transaction():
        order, _ = stores.orders.lock(found.order_id)
        parcel = next(p for p in stores.parcels.of(found.order_id) if p.parcel_id == found.parcel_id)
        if parcels.take_in(stores, order, parcel, event) is None:
            return Outcome.REPEATED
        parcels.follow(stores, order)
        return Outcome.RECORDED


@again_if_lost
def _kept(stores: Stores, event: CarrierEvent) -> bool:
    """Put an event away; False if its parcel was booked in the same moment.

    The booking holds the code's lock while it empties the inbox: what it doesn't see finds the parcel here.
    """
    with stores.transaction():
        stores.parcels.lock_code(event.tracking_code)
        if len(stores.parcels.find(event.tracking_code, event.carrier)) == 1:
            return False
        stores.carrier_inbox.keep(event)
        return True


def tend_inbox(stores: Stores) -> int:
    """Put codes that nobody books for a day on the list, and forget events after thirty; how many went."""
    with stores.transaction():
        for one in stores.carrier_inbox.unbooked(UNBOOKED_AFTER, BATCH):
            parcel_attention.unbooked(stores, one)
        return stores.carrier_inbox.forget(FORGOTTEN_AFTER, BATCH)
