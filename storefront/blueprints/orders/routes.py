"""An order's page, what can be done with it, and its tracking part."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, make_response, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from storefront.blueprints.orders.links import return_addresses
from storefront.blueprints.orders.page import order_page, version
from storefront.domain.errors import HoldLapsed, PaidMeanwhile, PaymentUnavailable
from storefront.domain.orders import OrderStatus, OrderView
from storefront.services import cancellation, carts, expiry, payments
from storefront.web import htmx, shopper
from storefront.web.context import settings, stores, stripe

orders = Blueprint("orders", __name__)

PAGE = 20


@orders.after_request
def keep_private(response: Response) -> Response:
    """Links to an order must not travel; ``no-referrer`` would make our own posts say ``Origin: null``."""
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


@orders.get("/orders")
def index() -> Response:
    who = shopper.known()
    rows = stores().orders.newest(PAGE, who) if who else []
    return htmx.render("orders/index.html", part="orders/index.html", orders=rows)


@orders.get("/orders/<uuid:order_id>")
def show(order_id: UUID) -> BaseResponse:
    if "key" in request.args:
        # The key goes into the session and out of the address: it must not lie in histories and Referers.
        shopper.use_key(order_id, request.args["key"])
        return redirect(url_for("orders.show", order_id=order_id), 303)
    order = stores().orders.view(order_id)
    shopper.require_sight(order)
    return order_page(order)


@orders.get("/orders/<uuid:order_id>/tracking")
def tracking(order_id: UUID) -> Response:
    order = stores().orders.view(order_id)
    shopper.require_sight(order)
    if htmx.wants_part() and request.args.get("seen") == version(order):
        return make_response("", 204)
    return order_page(order)


@orders.get("/orders/<uuid:order_id>/return")
def come_back(order_id: UUID) -> BaseResponse:
    """Back from Stripe: the one GET that may settle, so that the page already knows."""
    if "key" in request.args:
        shopper.use_key(order_id, request.args["key"])
    order = stores().orders.head(order_id)
    shopper.require_sight(order)
    try:
        payments.settle(stores(), stripe(), order_id, settings().currency)
    except PaymentUnavailable:
        payments.note_checking(stores(), order_id)
    return redirect(url_for("orders.show", order_id=order_id), 303)


@orders.post("/orders/<uuid:order_id>/payment")
def pay(order_id: UUID) -> BaseResponse:
    order = _own(order_id)
    try:
        address = payments.start(stores(), stripe(), order.order_id, return_addresses, settings().currency)
    except (HoldLapsed, PaidMeanwhile):
        address = url_for("orders.show", order_id=order_id)
    return htmx.go(address)


@orders.post("/orders/<uuid:order_id>/extension")
def extend(order_id: UUID) -> BaseResponse:
    expiry.extend(stores(), _own(order_id).order_id)
    return htmx.go(url_for("orders.show", order_id=order_id))


@orders.post("/orders/<uuid:order_id>/cancellation")
def cancel(order_id: UUID) -> BaseResponse:
    order = _own(order_id)
    status = cancellation.cancel(stores(), stripe(), order_id, settings().currency, by="shopper")
    if (
        request.form.get("restore") == "1"
        and status is OrderStatus.CANCELLED
        and order.status is OrderStatus.PENDING
    ):
        return _into_cart(order)
    return htmx.go(url_for("orders.show", order_id=order_id))


@orders.post("/orders/<uuid:order_id>/reorder")
def reorder(order_id: UUID) -> BaseResponse:
    return _into_cart(_own(order_id))


def _into_cart(order: OrderView) -> BaseResponse:
    """An unpaid order's lines go back, once; a paid one's are ordered again, as often as wished."""
    ended_unpaid = order.status in (OrderStatus.PENDING, OrderStatus.EXPIRED, OrderStatus.CANCELLED)
    work = carts.put_back if ended_unpaid else carts.order_again
    work(stores(), order.user_id, order.order_id)
    response = htmx.go(url_for("cart.show"))
    shopper.show_count(response, stores().carts.count(order.user_id))
    return response


def _own(order_id: UUID) -> OrderView:
    order = stores().orders.head(order_id)
    shopper.require_owner(order)
    return order
