"""The addresses that Stripe sends the shopper of an order back to."""

from __future__ import annotations

from flask import url_for

from storefront.domain.orders import OrderView
from storefront.services.payments import ReturnAddresses
from storefront.web import shopper
from storefront.web.context import settings


def return_addresses(order: OrderView, closes_at: int) -> ReturnAddresses:
    """Back from Stripe: with a view-only key, for browsers that lost their cookie on the way.

    The key ends with the hosted page, about an hour after the order, so that the address is the same
    whenever it is made.
    """
    base = settings().base_url
    key = shopper.view_key(order.order_id, closes_at)
    return ReturnAddresses(
        success=base + url_for("orders.come_back", order_id=order.order_id, key=key),
        cancel=base + url_for("orders.show", order_id=order.order_id),
    )
