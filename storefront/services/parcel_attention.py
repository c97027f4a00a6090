"""Parcels that a person has to see to: on the list when it happens, off it when it has ended by itself."""

from __future__ import annotations

from datetime import date

from storefront.domain.attention import AttentionKind
from storefront.domain.orders import Order
from storefront.domain.packing import Packing
from storefront.domain.parcels import Parcel, ParcelStatus
from storefront.repositories.aurora.carrier_inbox import Unbooked
from storefront.services import attention
from storefront.stores import Stores

_DECIDED = {
    ParcelStatus.RETURNED: AttentionKind.PARCEL_RETURNED,
    ParcelStatus.LOST: AttentionKind.PARCEL_LOST,
}


def moved(stores: Stores, order: Order, before: Parcel, after: Parcel) -> None:
    """Within a transaction: a carrier's event took a parcel from one state to another."""
    if before.status is after.status:
        return
    if before.status in _DECIDED:
        attention.resolve(stores, _DECIDED[before.status], str(after.parcel_id))
    if after.status in _DECIDED:
        kind, subject = _DECIDED[after.status], str(after.parcel_id)
        attention.raise_(stores, kind, subject, order.order_id, code=after.tracking_code)
    if not after.open or after.waylaid:
        attention.resolve(stores, AttentionKind.PARCEL_OVERDUE, str(after.parcel_id))


def settled(stores: Stores, parcel: Parcel) -> None:
    """Within a transaction: what became of a returned or lost parcel's units is decided."""
    attention.resolve(stores, _DECIDED[parcel.status], str(parcel.parcel_id))


def days_went_by(stores: Stores, order: Order, packing: Packing, since: date, today: date) -> None:
    """Within a transaction: put parcels on the list that have come to be long overdue after ``since``."""
    promised = order.promised(stores.calendar)
    for parcel in packing.parcels:
        if parcel.overdue(promised, today) and not parcel.overdue(promised, since):
            kind, subject = AttentionKind.PARCEL_OVERDUE, str(parcel.parcel_id)
            attention.raise_(stores, kind, subject, order.order_id, code=parcel.tracking_code)


def unbooked(stores: Stores, code: Unbooked) -> None:
    """Within a transaction: carriers report of a parcel that nobody books."""
    subject = _subject(code.carrier, code.tracking_code)
    attention.raise_(stores, AttentionKind.CARRIER_EVENT_UNBOOKED, subject, code=code.tracking_code)


def booked(stores: Stores, code: Unbooked) -> None:
    """Within a transaction: it is booked after all."""
    subject = _subject(code.carrier, code.tracking_code)
    attention.resolve(stores, AttentionKind.CARRIER_EVENT_UNBOOKED, subject)


def _subject(carrier: str, tracking_code: str) -> str:
    return f"{carrier} {tracking_code}".strip()
