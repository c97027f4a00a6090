"""The order's page and its tracking part, from Aurora and, where it answers, DynamoDB."""

from __future__ import annotations

from datetime import date, datetime

from flask import Response, url_for

from storefront.blueprints.orders.timeline import timeline
from storefront.blueprints.payment_methods import paying
from storefront.domain.deliveries import estimate
from storefront.domain.errors import StoreUnavailable
from storefront.domain.orders import OrderStatus, OrderView
from storefront.repositories.dynamodb.deliveries import Delivery
from storefront.web import htmx, login, shopper
from storefront.web.context import settings, stores

COMING = frozenset(
    {OrderStatus.PENDING, OrderStatus.PAID, OrderStatus.PREPARING, OrderStatus.SHIPPED, OrderStatus.DELIVERED}
)


def order_page(order: OrderView) -> Response:
    delivery, as_of = _delivery(order)
    return htmx.render(
        "orders/show.html",
        part="orders/_tracking.html",
        order=order,
        delivery=delivery,
        as_of=as_of,
        timeline=timeline(order.events),
        estimate=_estimate(order),
        may_change=shopper.may_change(order),
        offer=login.guest() and order.user_id == shopper.known(),
        poll_url=url_for(
            "orders.tracking", order_id=order.order_id, seen=version(order, stale=as_of is not None)
        ),
        cards=paying.usable_cards()
        if order.held and not order.checking and shopper.may_change(order)
        else (),
        hold_minutes=round(order.hold.total_seconds() / 60, 1),
    )


def version(order: OrderView, *, stale: bool = False) -> str:
    """Changes with everything the tracking part shows.

    A part shown while DynamoDB was away (``stale``) has a version of its own, so that the next poll
    shows it anew.
    """
    told = order.delivery["version"] if order.delivery else 0
    parts = (order.status, order.payment_status, len(order.events), told, int(order.held), int(stale))
    return "-".join(map(str, parts))


def _delivery(order: OrderView) -> tuple[Delivery | None, datetime | None]:
    """The delivery by one Query; with DynamoDB away, the time of what Aurora last heard of it."""
    if order.delivery is None:
        return None, None
    if login.away():
        # It did not answer for the session a moment ago; a second wait would break the request's bound.
        return None, datetime.fromisoformat(order.delivery["timestamp"])
    try:
        return stores().deliveries.for_tracking(order.order_id), None
    except StoreUnavailable:
        return None, datetime.fromisoformat(order.delivery["timestamp"])


def _estimate(order: OrderView) -> date | None:
    if order.status not in COMING:
        return None
    if order.delivery:
        return date.fromisoformat(order.delivery["estimated"])
    return estimate(order.created_at.astimezone(settings().zone).date())
