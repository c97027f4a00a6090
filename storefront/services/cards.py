"""A customer's kept cards. Stripe holds them; DynamoDB holds their tokens and what a page shows of them."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from storefront.domain.accounts import Account, Profile, SavedCard
from storefront.domain.errors import Conflict, NotFound
from storefront.domain.orders import Kind
from storefront.payments.stripe_client import Stripe
from storefront.stores import Stores

MAX_CARDS = 10


def customer_of(stores: Stores, stripe: Stripe, profile: Profile) -> str:
    """The account's customer at Stripe, made when first needed and stored before it is used.

    Raises:
        NotFound: the account is gone.
        PaymentUnavailable, StoreUnavailable: call again; it will be the same customer.
    """
    if profile.stripe_customer:
        return profile.stripe_customer
    made = stripe.cards.make_customer(profile.user_id, profile.name, profile.email)
    return stores.cards.keep_customer(profile.user_id, made)


def adding_page(stores: Stores, stripe: Stripe, account: Account, done: str, left: str) -> str:
    """The address of Stripe's page to keep a card; from there the shopper comes to ``done`` or ``left``.

    Raises:
        Conflict: as many cards are kept as may be.
        PaymentUnavailable, StoreUnavailable: nothing was kept.
    """
    if len(account.cards) >= MAX_CARDS:
        raise Conflict(f"You keep {MAX_CARDS} cards already. Remove one first.")
    return stripe.cards.adding_page(customer_of(stores, stripe, account.profile), done, left)


def refresh(stores: Stores, stripe: Stripe, profile: Profile) -> None:
    """Store what Stripe keeps of the customer's cards and the shop does not know of yet. Repeatable.

    Raises:
        PaymentUnavailable, StoreUnavailable: call again.
    """
    if profile.stripe_customer is None:
        return
    for card in stripe.cards.of(profile.stripe_customer):
        stores.cards.add(profile.user_id, profile.stripe_customer, card)


def keep_paid(stores: Stores, order_id: UUID, user_id: UUID) -> None:
    """Store the card that an order was paid with, if the customer wished it kept. Repeatable.

    What the payment told is in Aurora since the order is paid; here it is carried over to DynamoDB.

    Raises:
        StoreUnavailable: DynamoDB is away; call again.
    """
    for event in stores.events.of(order_id):
        kept = event.data.get("kept") if event.kind in (Kind.PAID, Kind.PAID_LATE) else None
        if kept is None:
            continue
        try:
            stores.cards.add(user_id, kept["customer"], SavedCard(**kept["card"]))
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
        PaymentUnavailable, StoreUnavailable: it may still be kept; call again.
    """
    card = of(account, token)
    if account.profile.stripe_customer:
        # Kept twice, it is one card to the customer: its twins must not come up again later.
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
