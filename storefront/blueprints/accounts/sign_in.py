"""What registering and signing in do to this browser: a new session, one cart, and the way on."""

from __future__ import annotations

from uuid import UUID

from flask import url_for
from werkzeug.wrappers import Response as BaseResponse

from storefront.domain.accounts import Profile, email_key
from storefront.domain.errors import NotFound
from storefront.domain.order_views import OrderSummary
from storefront.services import cart_merge
from storefront.web import htmx, limits, login, order_access, shopper
from storefront.web.context import stores


def enter(account: Profile, wished: str | None) -> BaseResponse:
    """Sign in, with what the shopper put into the cart as a guest, and go on to ``wished`` if it is safe."""
    guest = shopper.known()
    merged = []
    if guest is not None and login.guest():
        theirs = stores().customer_orders
        kept = theirs.page(guest, order_access.MOST_GRANTS) if guest != account.user_id else []
        merged = cart_merge.merge(stores(), guest, account.user_id, account.email)
        for order in kept:
            # Those with another e-mail stay the guest's, and this browser may go on with them.
            order_access.keep_placed(order.order_id)
    login.start(account)
    login.tell_merged(merged)
    response = htmx.go(_way_on(wished, bool(merged)))
    login.show(response)
    limits.remember_browser(response, email_key(account.email))
    shopper.show_count(response, stores().carts.count(account.user_id))
    return response


def _way_on(wished: str | None, merged: bool) -> str:
    """By way of the cart, where lines came together that the shopper has not seen beside each other."""
    address = login.safe_next(wished, "")
    # "Sign in" in the header of every page leads here by way of the account's page: no wish to see it.
    if merged and address in ("", url_for("accounts.show"), url_for("checkout.show")):
        return url_for("cart.show")
    return address or url_for("accounts.show")


def offered_order(order_id: str | None) -> OrderSummary | None:
    """The guest order an account is made after: its shopper's own, or none."""
    if not order_id:
        return None
    try:
        order = stores().orders.summary(UUID(order_id))
    except (ValueError, NotFound):
        return None
    return order if order.user_id == shopper.known() else None
