"""Whether what was promised was kept."""

from __future__ import annotations

from datetime import datetime

from storefront.domain.orders import Order
from storefront.stores import Stores


def note_delivered(stores: Stores, order: Order, at: datetime) -> None:
    """Within the transaction in which an order becomes delivered, its last step: count its promise.

    ``at`` is when its last unit was there. The promised day is one of the shop's calendar.
    """
    if order.promised_on is not None:
        day = at.astimezone(stores.calendar.zone).date()
        stores.promises.count(order.promised_on, kept=day <= order.promised_on)
