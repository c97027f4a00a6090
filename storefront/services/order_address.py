"""Correcting where an order goes, as long as something of it is here."""

from __future__ import annotations

from uuid import UUID

from storefront.domain.addresses import PostalAddress
from storefront.domain.errors import Conflict
from storefront.domain.orders import BEFORE_DISPATCH, EventKind, OrderStatus
from storefront.services import address_rules
from storefront.stores import Stores, again_if_lost


@again_if_lost
def correct(stores: Stores, order_id: UUID, address: PostalAddress) -> None:
    """Change the address of what no carrier has had yet; the shipment in DynamoDB follows.

    Raises:
        NotFound: there is no such order.
        Invalid: the address breaks a rule of its country, or nothing is sent there.
        Conflict: all of it is on its way, or nothing is to come.
    """
    address_rules.check(address)
    address_rules.require_served(stores.calendar, address.country)
    with stores.transaction():
        order, _ = stores.orders.lock(order_id)
        in_part = order.status is OrderStatus.SHIPPED and bool(stores.parcels.packing(order).here)
        if order.status is not OrderStatus.PENDING and order.status not in BEFORE_DISPATCH and not in_part:
            raise Conflict(
                f"Order {order.number} is {order.status}, so its address can't be changed any more."
            )
        if order.address == address:
            return
        order.address = address
        order.redeliver()
        at = stores.orders.now()
        stores.events.record(
            order_id,
            EventKind.ADDRESS_CHANGED,
            {"rest": True} if in_part else {},
            event_id=f"address_changed:{at.isoformat()}",
            at=at,
        )
