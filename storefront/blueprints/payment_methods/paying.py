"""How a shopper wishes to pay an order, and where that leads: checkout and the order's page share it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from flask import g, url_for

from storefront.blueprints.orders.links import return_addresses
from storefront.domain.accounts import Account, Profile, SavedCard
from storefront.domain.errors import (
    HoldLapsed,
    NotFound,
    PaidMeanwhile,
    PaymentRefused,
    PaymentUnavailable,
    StoreUnavailable,
)
from storefront.services import card_payments, cards, payments
from storefront.services.card_payments import Onward
from storefront.web import login
from storefront.web.context import settings, stores, stripe

log = structlog.get_logger()


@dataclass(frozen=True)
class Choice:
    """A kept ``card``; without one, any card on Stripe's page, kept for ``keep_for`` from then on."""

    card: SavedCard | None = None
    customer: str = ""
    keep_for: Profile | None = None


# --- what there is to choose from


def account() -> Account | None:
    """The signed-in customer's account, by one Query a request; None for guests.

    Raises:
        StoreUnavailable: DynamoDB is away.
    """
    customer = login.customer()
    if customer is None:
        if login.guest():
            return None
        raise StoreUnavailable("dynamodb")
    if "account" not in g:
        try:
            g.account = stores().users.for_account(customer.user_id)
        except StoreUnavailable:
            # A second wait in this request would break its bound.
            g.dynamodb_away = True
            raise
    found: Account = g.account
    return found


def usable_cards() -> tuple[SavedCard, ...]:
    """The cards a customer can pay with, the default first; none for guests and while DynamoDB is away."""
    try:
        known = account()
    except (StoreUnavailable, NotFound):
        return ()
    today = datetime.now(settings().zone).date()
    return tuple(card for card in known.cards if not cards.expired(card, today)) if known else ()


def choose(token: str, *, keep: bool) -> Choice:
    """What a form asks for, ``token`` being its ``payment_token``.

    Raises:
        NotFound: it is no card of this customer.
        StoreUnavailable: DynamoDB is away, so it can't be read.
    """
    if not token:
        return Choice(keep_for=login.customer() if keep else None)
    known = account()
    if known is None or known.profile.stripe_customer is None:
        raise NotFound("We can't find this card")
    return Choice(cards.of(known, token), known.profile.stripe_customer)


# --- where it leads


def start(order_id: UUID, choice: Choice) -> str:
    """Start paying an order: the address of Stripe's page, or of the order's when that is not needed.

    Raises:
        HoldLapsed, PaidMeanwhile: there is nothing to pay, or not any more.
        PaymentUnavailable: Stripe does not answer; the order stands.
        PaymentRefused: Stripe will not take this payment.
    """
    currency = settings().currency
    if choice.card is not None:
        onward = card_payments.pay(stores(), stripe(), order_id, choice.customer, choice.card.token, currency)
        if onward is Onward.ORDER:
            return url_for("orders.show", order_id=order_id)
    keep_for = _customer(choice.keep_for) if choice.keep_for else None
    return payments.start(stores(), stripe(), order_id, return_addresses, currency, keep_for=keep_for)


def first_address(order_id: UUID, choice: Choice) -> str:
    """Where a new order leads: to its own page when it can't be paid now. It is placed, and nothing that
    happens here may undo that."""
    order = stores().orders.head(order_id)
    if order.held and order.total_cents:
        try:
            return start(order_id, choice)
        except (PaymentUnavailable, PaymentRefused, HoldLapsed, PaidMeanwhile) as error:
            log.warning("payment_not_started", order_id=str(order_id), reason=type(error).__name__)
    return url_for("orders.show", order_id=order_id)


def _customer(profile: Profile) -> str | None:
    """Stripe's customer to keep a card for; without one the order is paid all the same.

    Raises:
        PaymentUnavailable: Stripe does not answer, and need not be asked for more in this request.
    """
    try:
        return cards.customer_of(stores(), stripe(), profile)
    except (StoreUnavailable, NotFound, PaymentRefused) as error:
        log.warning("card_not_kept", reason=type(error).__name__)
        return None
