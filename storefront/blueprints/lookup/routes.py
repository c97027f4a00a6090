"""Guests find their order by its number and their e-mail."""

from __future__ import annotations

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response as BaseResponse

from storefront.blueprints.lookup.forms import LookupForm
from storefront.domain.errors import NotFound
from storefront.domain.ids import read_order_number
from storefront.web import htmx, limits, shopper
from storefront.web.context import stores

lookup = Blueprint("lookup", __name__)

MISS = "No order has this number and this e-mail address. Both are in your confirmation."


@lookup.get("/track")
def show() -> BaseResponse:
    return _page(LookupForm(), 200, "")


@lookup.post("/track")
@limits.looking_up
def find() -> BaseResponse:
    form = LookupForm()
    if not form.validate():
        return _page(form, 422, "")
    number = read_order_number(form.number.data or "")
    try:
        order = stores().orders.find(number or "", form.email.data or "")
    except NotFound:
        # The same words and status for a wrong number and a wrong address: it tells nobody who bought.
        return _page(form, 404, MISS)
    shopper.let_change(order)
    return redirect(url_for("orders.show", order_id=order), 303)


def _page(form: LookupForm, status: int, message: str) -> BaseResponse:
    return htmx.render("lookup/show.html", part="lookup/show.html", status=status, form=form, message=message)
