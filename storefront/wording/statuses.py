"""What shoppers read for each status: one table for the order's page, its history, lists and mails."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from storefront.domain.orders import OrderStatus
from storefront.domain.parcels import ParcelStatus, Settlement, ShipmentStatus

Tone: TypeAlias = "Literal['plain', 'good', 'waiting', 'bad']"
"""How news sounds: a step, a good one, one that asks for patience or for the shopper, one that hurts."""


class Words(NamedTuple):
    """``short`` as a step, a title or a chip; ``happened`` as what "your parcel" did, for mails."""

    short: str
    tone: Tone = "plain"
    happened: str = ""


PARCELS: dict[ParcelStatus, Words] = {
    ParcelStatus.PREPARING: Words("Packed", "plain", "is packed"),
    ParcelStatus.IN_TRANSIT: Words("On its way", "plain", "is on its way"),
    ParcelStatus.OUT_FOR_DELIVERY: Words("Out for delivery", "plain", "is out for delivery"),
    ParcelStatus.AVAILABLE_FOR_PICKUP: Words("Waiting for you", "waiting", "is waiting for you"),
    ParcelStatus.DELIVERED: Words("Delivered", "good", "was delivered"),
    ParcelStatus.EXCEPTION: Words("Couldn’t be delivered", "waiting", "couldn’t be delivered"),
    ParcelStatus.RETURNED: Words("On its way back to us", "bad", "is on its way back to us"),
    ParcelStatus.LOST: Words("Lost on the way", "bad", "got lost on the way"),
    ParcelStatus.CANCELLED: Words("Not sent"),
}

SHIPMENTS: dict[ShipmentStatus, Words] = {
    **{ShipmentStatus(status): words for status, words in PARCELS.items()},
    ShipmentStatus.PREPARING: Words("Being packed"),
    ShipmentStatus.DELAYED: Words("Delayed", "waiting"),
    ShipmentStatus.PART_DELIVERED: Words("Delivered in part", "good"),
}

ORDERS: dict[OrderStatus, Words] = {
    OrderStatus.PENDING: Words("Waiting for payment", "waiting"),
    OrderStatus.PAID: Words("Paid", "good"),
    OrderStatus.PREPARING: Words("Being packed"),
    OrderStatus.SHIPPED: Words("On its way"),
    OrderStatus.DELIVERED: Words("Delivered", "good"),
    OrderStatus.EXPIRED: Words("Hold ended"),
    OrderStatus.CANCELLED: Words("Cancelled"),
    OrderStatus.REFUNDED: Words("Refunded"),
}

SETTLEMENTS: dict[Settlement, str] = {
    Settlement.SENT_AGAIN: "We have sent what was in it again.",
    Settlement.REFUNDED: "The money for what was in it has gone back to you.",
    Settlement.CLOSED: "This is settled.",
}

ABOUT: dict[ShipmentStatus, str] = {
    ShipmentStatus.DELAYED: "We’re sorry for the wait.",
    ShipmentStatus.AVAILABLE_FOR_PICKUP: "Take the tracking code along.",
    ShipmentStatus.RETURNED: (
        "Our team has been told, and will send it again or give your money back. This page will say which."
    ),
    ShipmentStatus.LOST: (
        "We’re sorry. Our team has been told, and will send it again or give your money back."
        " This page will say which."
    ),
}
"""What a headline leaves open. Our team is told by the list that it works through, on which these stand."""

FOLLOWS_PARCELS = frozenset({OrderStatus.PREPARING, OrderStatus.SHIPPED})
"""An order whose parcels say more about it than its own status does."""


def of_order(status: OrderStatus, shipment: ShipmentStatus | None) -> Words:
    """An order in a few words, for lists; ``shipment`` is its parcels' status, None before there is one."""
    if shipment is None or status not in FOLLOWS_PARCELS:
        return ORDERS[status]
    return SHIPMENTS[shipment]


def count(number: int) -> str:
    """A small number as a word."""
    small = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
    return small[number] if number < len(small) else str(number)
