"""The order's page and its tracking part, from Aurora and, where it answers, DynamoDB."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from flask import Response, url_for

from storefront.blueprints.orders import parcels
from storefront.blueprints.orders.timeline import timeline
from storefront.domain.deliveries import Shipment, Tracking
from storefront.domain.errors import StoreUnavailable
from storefront.domain.order_views import OrderSummary, OrderView
from storefront.domain.orders import MOVING, OrderStatus
from storefront.domain.parcels import ParcelStatus
from storefront.formats import Formats
from storefront.web import htmx, login, order_access, paying, shopper
from storefront.web.context import settings, stores
from storefront.web.order_access import Access
from storefront.wording import headline
from storefront.wording.statuses import ABOUT

COMING = frozenset({OrderStatus.PENDING, OrderStatus.PAID})
"""Orders whose day no headline tells yet."""


@dataclass(frozen=True)
class Delivery:
    """An order's delivery as it was read: from DynamoDB or, ``as_of`` when a carrier last told of it, from
    Aurora's copy. ``steps`` are None of the copy: its order's events tell them."""

    shipment: Shipment | None
    steps: tuple[Tracking, ...] | None
    as_of: datetime | None


NONE = Delivery(None, (), None)


def read_delivery(order: OrderView) -> Delivery:
    """By one Query; while DynamoDB is unavailable, from Aurora."""
    if order.delivery is None:
        return NONE
    try:
        record = stores().deliveries.for_tracking(order.order_id)
        return Delivery(record.shipment, record.tracking, None)
    except StoreUnavailable:
        pass
    copy = order.delivery.shipment(order.order_id, order.address, stores().parcels.of(order.order_id))
    return Delivery(copy, None, order.delivery.timestamp)


def order_page(order: OrderView, delivery: Delivery) -> Response:
    shipment = delivery.shipment
    sent = parcels.sent(shipment.parcels if shipment else ())
    access = order_access.of(order)
    return htmx.render(
        "orders/show.html",
        order=order,
        shipment=shipment,
        as_of=delivery.as_of,
        headline=_headline(order, shipment),
        about=_about(shipment),
        step=parcels.step(order, shipment.status if shipment else None),
        parcels=parcels.cards(order, sent),
        unpacked=parcels.unpacked(order.lines, sent) if sent else (),
        rest=parcels.rest(order, sent),
        timeline=timeline(
            order.events, delivery.steps, {parcel.parcel_id: n for n, parcel in enumerate(sent, 1)}
        ),
        estimate=order.estimated(settings().calendar) if order.status in COMING else None,
        knows=access >= Access.KNOWS,
        may_change=access is Access.CHANGES,
        offer=login.guest() and order.user_id == shopper.known(),
        poll_url=_poll_url(order, delivery),
        cards=paying.usable_cards() if order.held and not order.checking and access >= Access.KNOWS else (),
    )


def _headline(order: OrderView, shipment: Shipment | None) -> str:
    way = _way(order, shipment) if shipment else None
    return headline.of_order(
        order.status, order.payment_status, way, held=order.held, checking=order.checking
    )


def _about(shipment: Shipment | None) -> str:
    """What the headline leaves open; of a parcel that went astray, until it is decided what becomes of it."""
    if shipment is None:
        return ""
    astray = [parcel for parcel in shipment.parcels if parcel.waylaid]
    decided = bool(astray) and not any(parcel.open for parcel in astray)
    return "" if decided else ABOUT.get(shipment.status, "")


def _way(order: OrderView, shipment: Shipment) -> headline.Way:
    zone = settings().zone
    return headline.Way(
        status=shipment.status,
        parcels=shipment.parcels,
        promised_on=order.promised_on or shipment.estimated_delivery,
        estimated=shipment.estimated_delivery,
        today=_today(order),
        zone=zone,
        day=Formats(settings()).day,
        left=len(parcels.unpacked(order.lines, shipment.parcels)),
        handed_over=order.status is not OrderStatus.PREPARING,
    )


def _today(order: OrderSummary) -> date:
    """The shop's day by the database's clock."""
    return order.now.astimezone(settings().zone).date()


# --- asking again


def _poll_url(order: OrderView, delivery: Delivery) -> str:
    """Where the part is asked for again, or nothing once no news can come."""
    if not _may_change_by_itself(order, delivery):
        return ""
    return url_for("orders.tracking", order_id=order.order_id, seen=version(order, delivery))


def _may_change_by_itself(order: OrderView, delivery: Delivery) -> bool:
    if order.paying_back:
        return True
    shipment = delivery.shipment
    if order.status not in MOVING:
        # Aurora says that it is over, and DynamoDB may be about to.
        behind = order.delivery and (shipment is None or shipment.version < order.delivery.version)
        return bool(behind)
    if shipment is None:
        return True
    coming = [parcel for parcel in shipment.parcels if parcel.open]
    all_return = bool(coming) and all(parcel.status is ParcelStatus.RETURNED for parcel in coming)
    return not all_return or bool(parcels.unpacked(order.lines, parcels.sent(shipment.parcels)))


def up_to_date(order: OrderSummary, events: int) -> str:
    """The version of a part that shows all that Aurora knows, read from DynamoDB."""
    return _version(order, events, order.delivery.version if order.delivery else 0, stale=False)


def version(order: OrderView, delivery: Delivery) -> str:
    """Changes with everything that the tracking part shows: of the shipment it holds the version that was
    read, which may be older than Aurora's, and whether it was read from the copy."""
    told = delivery.shipment.version if delivery.shipment else 0
    return _version(order, len(order.events), told, stale=delivery.as_of is not None)


def _version(order: OrderSummary, events: int, told: int, *, stale: bool) -> str:
    parts = (
        *(order.status, order.payment_status, events, int(order.held)),
        # Words such as "today" are over at midnight.
        *(_today(order).toordinal(), told, int(stale)),
    )
    return "-".join(map(str, parts))
