"""An order's page, what can be done with it, and its tracking part."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from flask import Blueprint, Response, flash, make_response, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from storefront.blueprints.orders.page import order_page, version
from storefront.blueprints.payment_methods import paying
from storefront.domain.errors import HoldLapsed, Invalid, PaidMeanwhile, PaymentUnavailable
from storefront.domain.orders import OrderStatus, OrderView
from storefront.services import cancellation, carts, delivery_address, expiry, payments
from storefront.web import htmx, limits, login, shopper
from storefront.web.address_form import AddressForm
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
    rows = stores().customer_orders.page(who, PAGE + 1, _before()) if who else []
    return htmx.render(
        "orders/index.html",
        part="orders/index.html",
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
    choice = paying.choose(request.form.get("payment_token", ""), keep=False)
    try:
        address = paying.start(order.order_id, choice)
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


@orders.post("/orders/<uuid:order_id>/confirmation")
@limits.looking_up
def confirm(order_id: UUID) -> BaseResponse:
    """Who came by a link and knows the e-mail address of the order may change it from here on."""
    order = stores().orders.head(order_id)
    shopper.require_sight(order)
    if request.form.get("email", "").strip().casefold() != order.email.casefold():
        raise Invalid("This is not the e-mail address of this order. It is the one the confirmation went to.")
    shopper.let_change(order_id)
    return htmx.go(url_for("orders.show", order_id=order_id))


@orders.get("/orders/<uuid:order_id>/address")
def address(order_id: UUID) -> Response:
    order = _own(order_id)
    return _address_page(order, AddressForm(obj=order.address), 200)


@orders.post("/orders/<uuid:order_id>/address")
def correct_address(order_id: UUID) -> BaseResponse:
    """Correct where it goes, until the parcel is handed over."""
    order, form = _own(order_id), AddressForm()
    try:
        if not form.validate():
            raise Invalid(
                errors={name: str(words[0]) for name, words in form.errors.items() if name and words}
            )
        delivery_address.correct(stores(), order_id, form.address())
    except Invalid as invalid:
        return _address_page(order, form, 422, invalid)
    return htmx.go(url_for("orders.show", order_id=order_id))


def _address_page(order: OrderView, form: AddressForm, status: int, wrong: Invalid | None = None) -> Response:
    return htmx.render(
        "orders/address.html",
        part="orders/address.html",
        status=status,
        order=order,
        form=form,
        errors=wrong.errors if wrong else {},
        message=str(wrong) if wrong else "",
    )


def _into_cart(order: OrderView) -> BaseResponse:
    """An unpaid order's lines go back, once; a paid one's are ordered again, as often as wished."""
    ended_unpaid = order.status in (OrderStatus.PENDING, OrderStatus.EXPIRED, OrderStatus.CANCELLED)
    work = carts.put_back if ended_unpaid else carts.order_again
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


def _own(order_id: UUID) -> OrderView:
    order = stores().orders.head(order_id)
    shopper.require_owner(order)
    return order
