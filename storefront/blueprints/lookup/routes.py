"""Guests find their order by its number and their e-mail."""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response as BaseResponse

from storefront.blueprints.lookup.forms import LookupForm
from storefront.domain.errors import NotFound
from storefront.domain.ids import read_order_number
from storefront.web import forms, limits, order_access
from storefront.web.context import stores

lookup = Blueprint("lookup", __name__)

MISS = "No order has this number and this e-mail address. Both are in your confirmation."


@lookup.get("/track")
def show() -> BaseResponse:
    return _page(LookupForm())


@lookup.post("/track")
@limits.looking_up
def find() -> BaseResponse:
    form = LookupForm()
    # The same words and status for a wrong number and a wrong address: it tells nobody who bought.
    with forms.shown_again(form, _page, NotFound):
        typed = forms.checked(form)
        order = stores().orders.find(read_order_number(typed["number"]) or "", typed["email"])
    order_access.let_know(order)
    return redirect(url_for("orders.show", order_id=order), 303)


def _page(form: LookupForm, problem: forms.Problem = forms.NONE) -> BaseResponse:
    if problem.status == 404:
        problem = replace(problem, message=MISS)
    return forms.render("lookup/show.html", form, problem)
