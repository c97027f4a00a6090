"""Checkout: one page, one form, one order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from flask import Blueprint, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from storefront.blueprints.checkout import customer
from storefront.blueprints.checkout.forms import CheckoutForm
from storefront.domain.cart import CartView
from storefront.domain.errors import CheckoutChanged, Difference, TooManyHolds
from storefront.domain.ids import UserId
from storefront.services import address_rules
from storefront.services.checkout import Placement, differences
from storefront.services.checkout import place as place_order
from storefront.services.payments.paying import pay_placed
from storefront.web import forms, htmx, limits, login, paying, promise, shopper
from storefront.web.context import settings, stores, stripe

checkout = Blueprint("checkout", __name__)


@checkout.get("/checkout")
def show() -> BaseResponse:
    form, who = CheckoutForm(), shopper.known()
    if who is None:
        return redirect(url_for("cart.show"), 303)
    customer.prefill(form)
    return _page(form, who=who)


@checkout.post("/checkout")
def place() -> BaseResponse:
    form, who = CheckoutForm(), shopper.identify()
    with forms.shown_again(form, partial(_page, who=who), customer.OutOfReach, TooManyHolds):
        with customer.in_reach(form):
            choice = paying.choose(form.payment_token.data or "", save=form.keep_card.data)
            placement = _read(form, who)
        order_id = place_order(
            stores(),
            placement,
            settings().hold,
            settings().currency,
            per_address=settings().holds_per_address,
        )
    customer.keep(form, placement.address)
    page = pay_placed(stores(), stripe(), order_id, choice, paying.return_addresses)
    response = redirect(page or url_for("orders.show", order_id=order_id), 303)
    shopper.show_count(response, stores().carts.count(who))
    return response


def _read(form: CheckoutForm, who: UserId) -> Placement:
    cart_id = form.cart()
    address = customer.chosen(form)
    if address is None:
        address = form.address()
        address_rules.check(address)
    # The typed address is of no concern beside a chosen one.
    typed = forms.checked(form, "email")
    return Placement(who, cart_id, form.seen.data or "", typed["email"], address, limits.placed_from())


def _page(form: CheckoutForm, problem: forms.Problem = forms.NONE, *, who: UserId) -> BaseResponse:
    cart = stores().carts.active(who)
    if not cart.lines:
        return redirect(url_for("cart.show"), 303)
    # What goes out again is what is shown now, so that sending it confirms exactly that.
    form.cart_id.data, form.seen.data = str(cart.cart_id), cart.seen
    return forms.render(
        "checkout/show.html",
        form,
        problem,
        cart=cart,
        unpaid=stores().orders.unpaid_of(who),
        differences=_differences(cart, problem),
        promise=_promise(form),
        hold_minutes=settings().hold_minutes,
        saved=customer.addresses(),
        customer=login.customer(),
        cards=paying.usable_cards(),
    )


@checkout.get("/checkout/promise")
def show_promise() -> BaseResponse:
    """What the country that is being chosen is promised; without htmx the page says it when it comes back."""
    if not htmx.wants_part():
        return redirect(url_for("checkout.show"), 303)
    # The form's fields by the same names, though in the address.
    return htmx.part("cart/_promise.html", promise=_promise(CheckoutForm(request.args)))


def _promise(form: CheckoutForm) -> promise.Promise:
    return promise.to(customer.country(form), datetime.now(UTC))


def _differences(cart: CartView, problem: forms.Problem) -> Sequence[Difference]:
    """What is no longer as the shopper saw it: in the cart, or since the page that was sent."""
    if problem is forms.NONE:
        return differences(cart.lines)
    return problem.error.differences if isinstance(problem.error, CheckoutChanged) else ()
