"""Addresses of an order: of its page, of its payment, and those Stripe sends the shopper back to."""

from __future__ import annotations

from uuid import UUID

import structlog
from flask import url_for

from storefront.domain.errors import HoldLapsed, PaidMeanwhile, PaymentRefused, PaymentUnavailable
from storefront.domain.orders import OrderView
from storefront.services import payments
from storefront.services.payments import ReturnAddresses
from storefront.web import shopper
from storefront.web.context import settings, stores, stripe

log = structlog.get_logger()


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


def pay_address(order_id: UUID, *, keep_for: str | None = None) -> str:
    """Where to pay an order: Stripe's page, or the order's own page when that can't be had now.

    The card that pays is kept for ``keep_for``, one of Stripe's customers.
    """
    order = stores().orders.head(order_id)
    if order.held and order.total_cents:
        try:
            return payments.start(
                stores(), stripe(), order_id, return_addresses, settings().currency, keep_for=keep_for
            )
        except (PaymentUnavailable, PaymentRefused, HoldLapsed, PaidMeanwhile) as error:
            log.warning("payment_not_started", order_id=str(order_id), reason=type(error).__name__)
    return url_for("orders.show", order_id=order_id)
