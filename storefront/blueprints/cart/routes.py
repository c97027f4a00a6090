"""The cart's pages."""

from __future__ import annotations

from flask import Blueprint, Response, get_flashed_messages, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from storefront.domain.cart import CartView, read_quantity
from storefront.services import carts
from storefront.web import htmx, login, promise, shopper
from storefront.web.context import stores
from storefront.web.csrf import csrf

cart = Blueprint("cart", __name__)


@cart.get("/cart")
def show() -> Response:
    who = shopper.known()
    return _page(stores().carts.active(who) if who else CartView(None, ()))


@cart.post("/cart/items")
@csrf.exempt
def add() -> BaseResponse:
    """Exempt from the token: the form stands on pages that are the same bytes for everybody."""
    qty = read_quantity(request.form.get("quantity", ""))
    added = carts.add(stores(), shopper.identify(), request.form.get("sku", ""), qty)
    if htmx.wants_part():
        response: BaseResponse = htmx.part(
            "cart/_added.html",
            name=added.line.name,
            added=qty,
            total=added.line.qty,
            count=added.cart.count,
            short=added.line.short,
        )
    else:
        response = redirect(url_for("cart.show"), 303)
    shopper.show_count(response, added.cart.count)
    return response


@cart.post("/cart/items/<path:sku>")
@csrf.exempt
def change(sku: str) -> BaseResponse:
    qty = read_quantity(request.form.get("quantity", ""), least=0)
    view = carts.change(stores(), shopper.identify(), sku, qty)
    response: BaseResponse = _page(view) if htmx.wants_part() else redirect(url_for("cart.show"), 303)
    shopper.show_count(response, view.count)
    return response


def _page(view: CartView) -> Response:
    who = shopper.known()
    unpaid = stores().orders.unpaid_of(who) if who else None
    message = " ".join(str(words) for words in get_flashed_messages())
    response = htmx.render(
        "cart/show.html",
        cart=view,
        unpaid=unpaid,
        message=message,
        merged=login.merged(view),
        promise=promise.at_home(),
    )
    if request.method == "GET":
        shopper.show_count(response, view.count)
    return response
