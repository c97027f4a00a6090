"""A customer's saved cards. Stripe holds them; DynamoDB holds their tokens and what a page shows of them."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from storefront.domain.accounts import Account, Profile, SavedCard
from storefront.domain.errors import Conflict, NotFound, PaymentRefused
from storefront.payments.stripe_client import Stripe
from storefront.payments.translation import CUSTOMER_GONE
from storefront.stores import Stores

MAX_CARDS = 10


def stripe_customer_of(stores: Stores, stripe: Stripe, profile: Profile) -> str:
    """The account's customer at Stripe, made when first needed and stored before it is used.

    Raises:
        NotFound: the account is gone.
        PaymentUnavailable, StoreUnavailable: call again; it will be the same customer.
    """
    if profile.stripe_customer:
        return profile.stripe_customer
    stripe_customer = stripe.cards.make_customer(
        profile.user_id, profile.name, profile.email, shop=stores.shop_id
    )
    return stores.cards.set_stripe_customer(profile.user_id, stripe_customer)


def renew_customer(stores: Stores, stripe: Stripe, profile: Profile, gone: str) -> str:
    """A new customer at Stripe for an account whose customer ``gone`` was deleted there, cards included.
    Repeatable: of several that find it gone at once, all get the same.

    Raises:
        NotFound: the account is gone.
        PaymentUnavailable, StoreUnavailable: call again.
    """
    fresh = stripe.cards.make_customer(
        profile.user_id, profile.name, profile.email, shop=stores.shop_id, instead_of=gone
    )
    now = stores.cards.set_stripe_customer(profile.user_id, fresh, instead_of=gone)
    # Left in the list, they would be taken for the same cards when the customer saves them again.
    kept = {card.token for card in stripe.cards.of(now)}
    for card in stores.accounts.for_account(profile.user_id).cards:
        if card.token not in kept:
            stores.cards.remove(profile.user_id, card.token)
    return now


def adding_page(stores: Stores, stripe: Stripe, account: Account, done: str, left: str) -> str:
    """The address of Stripe's page to save a card; from there the shopper comes to ``done`` or ``left``.

    Raises:
        Conflict: as many cards are saved as may be.
        PaymentUnavailable, StoreUnavailable: nothing was saved.
    """
    if len(account.cards) >= MAX_CARDS:
        raise Conflict(f"You keep {MAX_CARDS} cards already. Remove one first.")
    profile, shop = account.profile, stores.shop_id
    stripe_customer = stripe_customer_of(stores, stripe, profile)
    try:
        return stripe.cards.adding_page(profile.user_id, stripe_customer, done, left, shop=shop)
    except PaymentRefused as refused:
        if refused.code != CUSTOMER_GONE:
            raise
    renewed = renew_customer(stores, stripe, profile, stripe_customer)
    return stripe.cards.adding_page(profile.user_id, renewed, done, left, shop=shop)


def refresh(stores: Stores, stripe: Stripe, profile: Profile) -> None:
    """Save what Stripe holds of the customer's cards and the shop does not know of yet. Repeatable.

    Raises:
        PaymentUnavailable, StoreUnavailable: call again.
    """
    if profile.stripe_customer is None:
        return
    for card in stripe.cards.of(profile.stripe_customer):
        stores.cards.add(profile.user_id, profile.stripe_customer, card)


def refresh_after_setup(stores: Stores, stripe: Stripe, user_id: UUID) -> None:
    """Save the card of a customer who may not have come back from Stripe's page. Repeatable.

    Raises:
        PaymentUnavailable, StoreUnavailable: call again.
    """
    profile = stores.accounts.profile(user_id)
    if profile is not None:
        refresh(stores, stripe, profile)


def save_paid(stores: Stores, order_id: UUID, user_id: UUID) -> None:
    """Save the card that an order was paid with, if the customer wished it. Repeatable.

    What the payment told is in Aurora since the order is paid; here it is carried over to DynamoDB.

    Raises:
        StoreUnavailable: DynamoDB does not answer; call again.
    """
    for event in stores.events.of(order_id):
        paid_with = event.card_to_save
        if paid_with is None:
            continue
        try:
            stores.cards.add(user_id, paid_with.customer, paid_with.card)
        except NotFound:
            # The account was deleted meanwhile, and its cards at Stripe with it.
            continue


def of(account: Account, token: str) -> SavedCard:
    """Raises:
    NotFound: no such card, or another customer's: the two are never told apart.
    """
    card = account.card(token)
    if card is None:
        raise NotFound("We can't find this card")
    return card


def remove(stores: Stores, stripe: Stripe, account: Account, token: str) -> None:
    """Forget a card, at Stripe first: while that is not done, the customer still sees it.

    Raises:
        NotFound: the customer has no such card.
        PaymentUnavailable, StoreUnavailable: it may still be there; call again.
    """
    card = of(account, token)
    if account.profile.stripe_customer:
        # Saved twice, it is one card to the customer: its twins must not come up again later.
        for twin in stripe.cards.of(account.profile.stripe_customer):
            if twin.twin_of(card) and twin.token != token:
                stripe.cards.detach(twin.token)
    stripe.cards.detach(token)
    stores.cards.remove(account.profile.user_id, token)


def forget(stripe: Stripe, profile: Profile) -> None:
    """Delete the account's customer at Stripe, cards included, before the account itself. Repeatable.

    Raises:
        PaymentUnavailable: it may be there still.
    """
    if profile.stripe_customer:
        stripe.cards.forget_customer(profile.stripe_customer)


def expired(card: SavedCard, today: date) -> bool:
    """Whether a card's last month is over: it is good through all of it."""
    month, _, year = card.expiry.partition("/")
    if not (month.isdigit() and year.isdigit()):
        return False
    return (2000 + int(year), int(month)) < (today.year, today.month)
