"""Checkout: one page, one form, one order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask import Blueprint, Response, redirect, url_for
from werkzeug.wrappers import Response as BaseResponse

from storefront.blueprints.checkout import customer
from storefront.blueprints.checkout.forms import CheckoutForm
from storefront.blueprints.payment_methods import paying
from storefront.domain.accounts import SavedAddress
from storefront.domain.cart import CartView
from storefront.domain.deliveries import estimate
from storefront.domain.errors import CheckoutChanged, Conflict, Difference, Invalid, StoreUnavailable
from storefront.domain.ids import UserId
from storefront.services import addresses
from storefront.services.checkout import Placement, differences
from storefront.services.checkout import place as place_order
from storefront.web import htmx, login, shopper
from storefront.web.context import settings, stores
from storefront.web.errors import RETRY_AFTER

checkout = Blueprint("checkout", __name__)


@checkout.get("/checkout")
def show() -> BaseResponse:
    who = shopper.known()
    cart = stores().carts.active(who) if who else CartView(None, ())
    if who is None or not cart.lines:
        return redirect(url_for("cart.show"), 303)
    form = CheckoutForm()
    saved = customer.prefill(form)
    return _page(form, cart, who, saved=saved, differs=differences(cart.lines))


@checkout.post("/checkout")
def place() -> BaseResponse:
    form, who = CheckoutForm(), shopper.identify()
    try:
        choice = paying.choose(form.payment_token.data or "", keep=form.keep_card.data)
        placement = _read(form, who)
        order_id = place_order(stores(), placement, settings().hold)
    except StoreUnavailable as away:
        if away.store != "dynamodb":
            raise
        words = "We can't reach your kept cards right now. Please pay with any card on the next page."
        if form.address_id.data:
            words = "We can't reach your saved addresses right now. Please type the address this once."
        form.address_id.data = form.payment_token.data = ""
        response = _again(form, who, 503, words)
        response.headers["Retry-After"] = RETRY_AFTER
        return response
    except CheckoutChanged as changed:
        return _again(form, who, 409, str(changed), differs=changed.differences)
    except Conflict as conflict:
        return _again(form, who, 409, str(conflict))
    except Invalid as invalid:
        return _again(form, who, 422, str(invalid), errors=invalid.errors)
    customer.keep(form, placement.address)
    response = redirect(paying.first_address(order_id, choice), 303)
    shopper.show_count(response, stores().carts.count(who))
    return response


def _read(form: CheckoutForm, who: UserId) -> Placement:
    cart_id = form.cart()
    address = customer.chosen(form)
    if not form.validate():
        errors = {name: str(words[0]) for name, words in form.errors.items() if name and words}
        if address is not None:
            # The typed one is of no concern then.
            errors = {name: words for name, words in errors.items() if name == "email"}
        if errors:
            raise Invalid(errors=errors)
    if address is None:
        address = form.address()
        addresses.check(address)
    return Placement(who, cart_id, form.seen.data or "", form.email.data or "", address)


def _again(
    form: CheckoutForm,
    who: UserId,
    status: int,
    message: str,
    differs: Sequence[Difference] = (),
    errors: Mapping[str, str] | None = None,
) -> BaseResponse:
    cart = stores().carts.active(who)
    if not cart.lines:
        return redirect(url_for("cart.show"), 303)
    saved = customer.addresses()
    return _page(form, cart, who, status=status, message=message, differs=differs, errors=errors, saved=saved)


def _page(
    form: CheckoutForm,
    cart: CartView,
    who: UserId,
    *,
    status: int = 200,
    message: str = "",
    differs: Sequence[Difference] = (),
    errors: Mapping[str, str] | None = None,
    saved: Sequence[SavedAddress] = (),
) -> Response:
    # What goes out again is what is shown now, so that sending it confirms exactly that.
    form.cart_id.data, form.seen.data = str(cart.cart_id), cart.seen
    now = stores().orders.now()
    return htmx.render(
        "checkout/show.html",
        part="checkout/_form.html",
        status=status,
        form=form,
        cart=cart,
        unpaid=stores().orders.unpaid_of(who),
        differences=differs,
        errors=errors or {},
        message=message,
        estimate=estimate(now.astimezone(settings().zone).date()),
        hold_minutes=settings().hold_minutes,
        saved=saved,
        customer=login.customer(),
        cards=paying.usable_cards(),
    )
