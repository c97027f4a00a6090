"""Paying from a page: what the customer may choose, and the way back from Stripe. Checkout, the order's page
and the payment itself share it."""

from __future__ import annotations

from datetime import datetime

from flask import g, url_for

from storefront.domain.accounts import Account, SavedCard
from storefront.domain.errors import NotFound, StoreUnavailable
from storefront.domain.order_views import OrderSummary
from storefront.services.payments import saved_cards
from storefront.services.payments.attempts import ReturnAddresses
from storefront.services.payments.paying import Choice, with_saved_card
from storefront.web import login, order_access
from storefront.web.context import settings, stores


def account() -> Account | None:
    """The signed-in customer's account, by one Query a request; None for guests.

    Raises:
        StoreUnavailable: DynamoDB does not answer.
    """
    customer = login.customer()
    if customer is None:
        if login.guest():
            return None
        raise StoreUnavailable("dynamodb")
    if "account" not in g:
        try:
            g.account = stores().accounts.for_account(customer.user_id)
        except StoreUnavailable:
            # A second wait in this request would break its bound.
            g.dynamodb_unavailable = True
            raise
    found: Account = g.account
    return found


def usable_cards() -> tuple[SavedCard, ...]:
    """The cards a customer can pay with, the default first; none for guests and while DynamoDB does not
    answer."""
    try:
        known = account()
    except (StoreUnavailable, NotFound):
        return ()
    today = datetime.now(settings().zone).date()
    return tuple(card for card in known.cards if not saved_cards.expired(card, today)) if known else ()


def choose(token: str, *, save: bool) -> Choice:
    """What a form asks for, ``token`` being its ``payment_token``; empty for any card on Stripe's page, which
    ``save`` wishes saved.

    Raises:
        NotFound: it is no card of this customer.
        StoreUnavailable: DynamoDB does not answer, so it can't be read.
    """
    if not token:
        return Choice(save_for=login.customer() if save else None)
    return with_saved_card(account(), token)


def return_addresses(order: OrderSummary, closes_at: int) -> ReturnAddresses:
    """Back from Stripe: with a view-only key, for browsers that lost their cookie on the way.

    The key ends with the hosted page, about an hour after the order, so that the address is the same
    whenever it is made.
    """
    base = settings().base_url
    key = order_access.view_key(order.order_id, closes_at)
    return ReturnAddresses(
        success=base + url_for("payments.come_back", order_id=order.order_id, key=key),
        cancel=base + url_for("orders.show", order_id=order.order_id),
    )
