"""An operator has seen to something on the list of what needs a person."""

from __future__ import annotations

from uuid import UUID

from storefront.domain.attention import AttentionKind
from storefront.services import attention, parcels
from storefront.stores import Stores

_CLOSES = frozenset({AttentionKind.PARCEL_RETURNED, AttentionKind.PARCEL_LOST})


def done(stores: Stores, id_: int) -> None:
    """Take a row off the list. Of a parcel that was returned or lost nothing more is done then: it is closed,
    unless its units were sent again or refunded. Repeatable.

    Raises:
        NotFound: there never was such a row.
    """
    item = next((item for item in stores.attention.open() if item.id == id_), None)
    if item is not None and item.kind in _CLOSES and item.order_id is not None:
        parcels.close(stores, UUID(item.subject), item.order_id)
    attention.done(stores, id_)
