"""Paying an order: away to Stripe's page or by a saved card, and back."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from storefront.domain.errors import HoldLapsed, PaidMeanwhile, PaymentUnavailable
from storefront.domain.payments import PaymentStatus
from storefront.services.payments import paying, settlement
from storefront.web import htmx, order_access, shopper
from storefront.web.context import stores, stripe
from storefront.web.order_access import Access
from storefront.web.paying import choose, return_addresses

payments = Blueprint("payments", __name__, url_prefix="/orders/<uuid:order_id>")
payments.after_request(shopper.keep_private)


@payments.post("/payment")
def pay(order_id: UUID) -> BaseResponse:
    order = stores().orders.summary(order_id)
    order_access.require(order, Access.KNOWS)
    choice = choose(request.form.get("payment_token", ""), save=False)
    try:
        page = paying.pay(stores(), stripe(), order, choice, return_addresses)
    except (HoldLapsed, PaidMeanwhile):
        page = None
    return htmx.go(page or url_for("orders.show", order_id=order_id))


@payments.get("/return")
def come_back(order_id: UUID) -> BaseResponse:
    """Back from Stripe: the one GET that may settle, so that the page already knows."""
    if "key" in request.args:
        order_access.use_key(order_id, request.args["key"])
    order = stores().orders.summary(order_id)
    order_access.require(order, Access.SEES)
    try:
        # What the webhook has told already isn't asked again.
        if order.payment_status in (PaymentStatus.PENDING, PaymentStatus.FAILED):
            settlement.settle(stores(), stripe(), order)
    except PaymentUnavailable:
        settlement.note_checking(stores(), order_id)
    return redirect(url_for("orders.show", order_id=order_id), 303)
