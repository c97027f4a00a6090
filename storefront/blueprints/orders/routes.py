"""An order's page, what can be done with it, and its tracking part."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from uuid import UUID

from flask import Blueprint, Response, flash, make_response, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from storefront.blueprints.orders import page
from storefront.domain.errors import Invalid
from storefront.domain.order_views import OrderSummary
from storefront.domain.orders import Actor, OrderStatus
from storefront.links import ChangeLinks
from storefront.services import cancellation, carts, holds, order_address, order_links
from storefront.web import forms, htmx, limits, login, order_access, shopper
from storefront.web.address_form import AddressForm
from storefront.web.context import settings, stores, stripe
from storefront.web.order_access import Access

orders = Blueprint("orders", __name__)
orders.after_request(shopper.keep_private)

PAGE = 20
ENDED_UNPAID = (OrderStatus.PENDING, OrderStatus.EXPIRED, OrderStatus.CANCELLED)


@orders.get("/orders")
def index() -> Response:
    who = shopper.known()
    rows = stores().customer_orders.page(who, PAGE + 1, _before()) if who else []
    return htmx.render(
        "orders/index.html",
        orders=rows[:PAGE],
        older=f"{rows[PAGE - 1].created_at.isoformat()}~{rows[PAGE - 1].order_id}" if rows[PAGE:] else None,
        guest=login.guest(),
    )


def _before() -> tuple[datetime, UUID] | None:
    """The key of the last order on the page before; odd ones begin at the newest."""
    moment, _, order_id = request.args.get("before", "").partition("~")
    try:
        at, key = datetime.fromisoformat(moment), UUID(order_id)
    except ValueError:
        return None
    return (at, key) if at.tzinfo is not None and 1970 < at.year < 9999 else None


@orders.get("/orders/<uuid:order_id>")
def show(order_id: UUID) -> BaseResponse:
    if "key" in request.args:
        # The key goes into the session and out of the address: it must not lie in histories and Referers.
        order_access.use_key(order_id, request.args["key"])
        return redirect(url_for("orders.show", order_id=order_id), 303)
    order = stores().orders.view(order_id)
    order_access.require(order, Access.SEES)
    return page.order_page(order, page.read_delivery(order))


@orders.get("/orders/<uuid:order_id>/tracking")
def tracking(order_id: UUID) -> Response:
    seen = request.args.get("seen") if htmx.wants_part() else None
    if seen:
        # What most who ask have seen already, by one look.
        summary, events = stores().orders.pulse(order_id)
        order_access.require(summary, Access.SEES)
        if seen == page.up_to_date(summary, events):
            return make_response("", 204)
    order = stores().orders.view(order_id)
    order_access.require(order, Access.SEES)
    delivery = page.read_delivery(order)
    if seen == page.version(order, delivery):
        return make_response("", 204)
    return page.order_page(order, delivery)


@orders.post("/orders/<uuid:order_id>/extension")
def extend(order_id: UUID) -> BaseResponse:
    holds.extend(stores(), _own(order_id).order_id)
    return htmx.go(url_for("orders.show", order_id=order_id))


@orders.post("/orders/<uuid:order_id>/cancellation")
def cancel(order_id: UUID) -> BaseResponse:
    order = _own(order_id)
    login.require_account()
    rest = request.form.get("rest") == "1"
    status = cancellation.cancel(stores(), stripe(), order_id, by=Actor.SHOPPER, rest=rest)
    if (
        request.form.get("restore") == "1"
        and status is OrderStatus.CANCELLED
        and order.status is OrderStatus.PENDING
    ):
        return _into_cart(order)
    return htmx.go(url_for("orders.show", order_id=order_id))


@orders.post("/orders/<uuid:order_id>/reorder")
def reorder(order_id: UUID) -> BaseResponse:
    """Who sees an order may buy the same; putting an unpaid one's lines back keeps it from being revived."""
    order = stores().orders.summary(order_id)
    order_access.require(order, Access.CHANGES if order.status in ENDED_UNPAID else Access.SEES)
    return _into_cart(order)


@orders.post("/orders/<uuid:order_id>/confirmation")
@limits.looking_up
def confirm(order_id: UUID) -> BaseResponse:
    """Who came by a link and knows the e-mail address of the order sees all of it from here on."""
    order = stores().orders.summary(order_id)
    order_access.require(order, Access.SEES)
    if request.form.get("email", "").strip().casefold() != order.email.casefold():
        raise Invalid("This is not the e-mail address of this order. It is the one the confirmation went to.")
    order_access.let_know(order_id)
    return htmx.go(url_for("orders.show", order_id=order_id))


@orders.get("/orders/<uuid:order_id>/link")
def link(order_id: UUID) -> Response:
    """One button: programs that look through mails follow links, and must not use this one up."""
    token = request.args.get("token", "")
    if token and order_links.works(stores(), order_id, token):
        return htmx.render("orders/link.html", order_id=order_id, state="use", token=token)
    order = stores().orders.summary(order_id)
    order_access.require(order, Access.SEES)
    return htmx.render(
        "orders/link.html",
        order_id=order_id,
        state="sent" if request.args.get("sent") == "1" else "offer",
    )


@orders.post("/orders/<uuid:order_id>/link")
@limits.looking_up
def use_link(order_id: UUID) -> BaseResponse:
    """With a token, let this browser change the order; without, mail one to the order's address."""
    token = request.form.get("token", "")
    if token:
        order_links.use(stores(), order_id, token)
        order_access.let_change(order_id)
        return htmx.go(url_for("orders.show", order_id=order_id))
    order_access.require(stores().orders.summary(order_id), Access.SEES)
    order_links.ask(stores(), ChangeLinks(settings()), order_id)
    return htmx.go(url_for("orders.link", order_id=order_id, sent="1"))


@orders.get("/orders/<uuid:order_id>/address")
def address(order_id: UUID) -> Response:
    order = _own(order_id)
    login.require_account()
    return _address_page(order, AddressForm(obj=order.address))


@orders.post("/orders/<uuid:order_id>/address")
def correct_address(order_id: UUID) -> BaseResponse:
    """Correct where it goes, or what of it is not handed over yet."""
    order, form = _own(order_id), AddressForm()
    login.require_account()
    with forms.shown_again(form, partial(_address_page, order)):
        order_address.correct(stores(), order_id, form.address())
    return htmx.go(url_for("orders.show", order_id=order_id))


def _address_page(order: OrderSummary, form: AddressForm, problem: forms.Problem = forms.NONE) -> Response:
    return forms.render("orders/address.html", form, problem, order=order)


def _into_cart(order: OrderSummary) -> BaseResponse:
    """An unpaid order's lines go back, once; a paid one's are ordered again, as often as wished."""
    work = carts.put_back if order.status in ENDED_UNPAID else carts.order_again
    who = shopper.identify()
    came = work(stores(), who, order.order_id)
    gone = len(stores().orders.lines(order.cart_id)) - came
    if gone:
        flash(
            f"{gone} of the products in order {order.number} are no longer for sale, so they stayed behind."
        )
    response = htmx.go(url_for("cart.show"))
    shopper.show_count(response, stores().carts.count(who))
    return response


def _own(order_id: UUID) -> OrderSummary:
    order = stores().orders.summary(order_id)
    order_access.require(order, Access.CHANGES)
    return order
