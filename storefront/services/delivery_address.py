"""Correcting where an order goes, as long as the parcel is here."""

from __future__ import annotations

from uuid import UUID

from storefront.domain.customers import PostalAddress
from storefront.domain.errors import Conflict
from storefront.domain.orders import BEFORE_DISPATCH, Kind, OrderStatus
from storefront.services import addresses
from storefront.services.fulfilment import redeliver
from storefront.stores import Stores, again_if_lost


@again_if_lost
def correct(stores: Stores, order_id: UUID, address: PostalAddress) -> None:
    """Change the address of an order before dispatch; the shipment in DynamoDB follows.

    Raises:
        NotFound: there is no such order.
        Invalid: the address breaks a rule of its country.
        Conflict: the parcel is on its way, or there is none to come.
    """
    addresses.check(address)
    with stores.transaction():
        order, _ = stores.orders.lock(order_id)
        if order.state is not OrderStatus.PENDING and order.state not in BEFORE_DISPATCH:
            raise Conflict(
                f"Order {order.number} is {order.status}, so its address can't be changed any more."
            )
        if order.address == address:
            return
        order.address = address
        redeliver(order)
        at = stores.orders.now()
        stores.events.record(
            order_id, Kind.ADDRESS_CHANGED, event_id=f"address_changed:{at.isoformat()}", at=at
        )
