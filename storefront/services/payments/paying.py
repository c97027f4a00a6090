"""How a shopper wishes to pay an order, and where that leads."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import structlog

from storefront.domain.accounts import Account, Profile, SavedCard
from storefront.domain.errors import (
    HoldLapsed,
    NotFound,
    PaidMeanwhile,
    PaymentRefused,
    PaymentUnavailable,
    StoreUnavailable,
    TooManyDeclines,
)
from storefront.domain.order_views import OrderSummary
from storefront.domain.orders import EventKind
from storefront.payments.stripe_client import Stripe
from storefront.payments.translation import CUSTOMER_GONE
from storefront.services.payments import attempts, charging, saved_cards
from storefront.services.payments.attempts import Addresses
from storefront.services.payments.charging import Onward
from storefront.stores import Stores

log = structlog.get_logger()

MOST_DECLINES = 5
"""Declines of one order after which only the hosted page, with its own defences, takes cards."""


@dataclass(frozen=True)
class Choice:
    """A saved ``card`` of Stripe's ``stripe_customer``; without one, any card on Stripe's page, saved for
    ``save_for`` from then on."""

    card: SavedCard | None = None
    stripe_customer: str = ""
    save_for: Profile | None = None


def with_saved_card(account: Account | None, token: str) -> Choice:
    """Raises:
    NotFound: ``token`` is no card of this account, or there is none.
    """
    if account is None or account.profile.stripe_customer is None:
        raise NotFound("We can't find this card")
    return Choice(saved_cards.of(account, token), account.profile.stripe_customer)


def pay(
    stores: Stores, stripe: Stripe, order: OrderSummary, choice: Choice, addresses: Addresses
) -> str | None:
    """Pay an order: the address of Stripe's page, or None where the order's own page tells how it went.

    Raises:
        HoldLapsed, PaidMeanwhile: there is nothing to pay, or not any more.
        PaymentUnavailable: Stripe does not answer; the order stands.
        PaymentRefused: Stripe will not take this payment.
        TooManyDeclines: a saved card was chosen, and enough of them were declined.
    """
    if choice.card is not None:
        require_few_declines(stores, order)
        back = addresses(order, attempts.closes_at(order)).success
        onward = charging.charge(stores, stripe, order, choice.stripe_customer, choice.card.token, back)
        if onward is Onward.ORDER:
            return None
        order = stores.orders.summary(order.order_id)
    if choice.save_for is None:
        return attempts.start(stores, stripe, order, addresses)
    save_for = _stripe_customer(stores, stripe, choice.save_for)
    try:
        return attempts.start(stores, stripe, order, addresses, save_for=save_for)
    except PaymentRefused as refused:
        if refused.code != CUSTOMER_GONE or save_for is None:
            raise
    order = attempts.read_again(stores, order)
    renewed = _stripe_customer(stores, stripe, choice.save_for, instead_of=save_for)
    return attempts.start(stores, stripe, order, addresses, save_for=renewed)


def require_few_declines(stores: Stores, order: OrderSummary) -> None:
    """Let pass an order for which saved cards were not declined too often: whoever took an account over must
    not try out its cards, nor learn what is on them.

    Raises:
        TooManyDeclines: with the seconds for which the order is held.
    """
    if stores.events.count(order.order_id, EventKind.PAYMENT_FAILED) >= MOST_DECLINES:
        left = max(1, round((order.expires_at - order.now).total_seconds()))
        raise TooManyDeclines(
            "Your cards were declined too often for this order. Until its hold ends it can be paid with any"
            " card on our payment service's page: choose another card on the order's page.",
            left,
        )


def pay_placed(
    stores: Stores, stripe: Stripe, order_id: UUID, choice: Choice, addresses: Addresses
) -> str | None:
    """``pay`` for an order just placed, which nothing that happens here may undo: when it can't be paid now,
    or costs nothing, its own page goes on."""
    order = stores.orders.summary(order_id)
    if order.held and order.total_cents:
        try:
            return pay(stores, stripe, order, choice, addresses)
        except (PaymentUnavailable, PaymentRefused, HoldLapsed, PaidMeanwhile) as error:
            log.warning("payment_not_started", order_id=str(order_id), reason=type(error).__name__)
    return None


def _stripe_customer(stores: Stores, stripe: Stripe, profile: Profile, *, instead_of: str = "") -> str | None:
    """Stripe's customer to save a card for; without one the order is paid all the same. ``instead_of`` is one
    that was deleted at Stripe.

    Raises:
        PaymentUnavailable: Stripe does not answer, and need not be asked for more in this request.
    """
    try:
        if instead_of:
            return saved_cards.renew_customer(stores, stripe, profile, instead_of)
        return saved_cards.stripe_customer_of(stores, stripe, profile)
    except (StoreUnavailable, NotFound, PaymentRefused) as error:
        log.warning("card_not_kept", reason=type(error).__name__)
        return None
