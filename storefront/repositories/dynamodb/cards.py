"""A customer's saved cards, exactly one of them the default whenever there are any."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from storefront.domain.accounts import SavedCard
from storefront.domain.errors import Conflict, NotFound
from storefront.repositories.dynamodb import keys
from storefront.repositories.dynamodb.client import DynamoDB
from storefront.repositories.dynamodb.table import (
    EXISTS,
    Action,
    Condition,
    ConditionFailed,
    Delete,
    Item,
    Put,
    Table,
    Update,
)

TRIES = 6


@dataclass(frozen=True)
class Wallet:
    """All cards of a customer as they were at ``version``, with Stripe's customer they belong to."""

    user_id: UUID
    version: int
    stripe_customer: str | None
    cards: tuple[SavedCard, ...]


Plan = Callable[[Wallet], Sequence[Action]]


class Cards:
    """Every change is one transaction that also counts ``cards_version`` up on the profile, from what it was
    when the cards were read: two changes that saw the same cards can't both be written."""

    def __init__(self, dynamodb: DynamoDB) -> None:
        self._table = Table(dynamodb, dynamodb.users)

    def set_stripe_customer(self, user_id: UUID, stripe_customer: str, *, instead_of: str = "") -> str:
        """Store the account's customer at Stripe, for ``instead_of`` or for none; the one it has now.

        Raises:
            NotFound: there is no such account.
            StoreUnavailable: DynamoDB is unavailable; the outcome may be unknown.
        """
        if instead_of:
            free = Condition("stripe_customer = :gone", {":gone": {"S": instead_of}})
        else:
            free = Condition("attribute_exists(user_id) AND attribute_not_exists(stripe_customer)")
        first = Update(
            keys.profile(user_id),
            "SET stripe_customer = :customer",
            {":customer": {"S": stripe_customer}},
            when=free,
        )
        try:
            self._table.write(first)
        except ConditionFailed:
            stored = self._wallet(user_id).stripe_customer
            if stored is None:
                raise NotFound("We can't find this account") from None
            return stored
        return stripe_customer

    def add(self, user_id: UUID, stripe_customer: str, card: SavedCard) -> None:
        """Save a card of ``stripe_customer``; the first becomes the default. One that is there
        stays as it is.

        Raises:
            NotFound: the account is gone, or has another customer at Stripe.
            Conflict: the cards kept changing.
            StoreUnavailable: call again.
        """

        def plan(wallet: Wallet) -> Sequence[Action]:
            if wallet.stripe_customer != stripe_customer:
                raise NotFound("We can't find this account")
            if any(saved.twin_of(card) for saved in wallet.cards):
                return ()
            first = not any(saved.is_default for saved in wallet.cards)
            return (Put(_card_item(user_id, card, is_default=first)),)

        self._change(user_id, plan)

    def make_default(self, user_id: UUID, token: str) -> None:
        """Raises:
        NotFound: the customer has no such card.
        Conflict: the cards kept changing.
        StoreUnavailable: call again.
        """

        def plan(wallet: Wallet) -> Sequence[Action]:
            if token not in [saved.token for saved in wallet.cards]:
                raise NotFound("We can't find this card")
            return [
                _mark(user_id, saved, is_default=saved.token == token)
                for saved in wallet.cards
                if saved.is_default is not (saved.token == token)
            ]

        self._change(user_id, plan)

    def remove(self, user_id: UUID, token: str) -> None:
        """Forget a card; if it was the default, another one becomes it. Repeatable.

        Raises:
            NotFound: there is no such account.
            Conflict: the cards kept changing.
            StoreUnavailable: call again.
        """

        def plan(wallet: Wallet) -> Sequence[Action]:
            gone = [saved for saved in wallet.cards if saved.token == token]
            left = [saved for saved in wallet.cards if saved.token != token]
            if not gone:
                return ()
            actions: list[Action] = [Delete(_card_key(user_id, gone[0]))]
            if left and not any(saved.is_default for saved in left):
                heir = min(left, key=lambda saved: (saved.brand, saved.last4, saved.token))
                actions.append(_mark(user_id, heir, is_default=True))
            return actions

        self._change(user_id, plan)

    def _change(self, user_id: UUID, plan: Plan) -> None:
        for attempt in range(TRIES):
            wallet = self._wallet(user_id)
            actions = plan(wallet)
            if not actions:
                return
            try:
                self._table.transact(_turn(wallet), *actions)
            except ConditionFailed:
                # Somebody else was faster, or a repeat met its own write: the cards as they are now tell.
                time.sleep(random.uniform(0, 0.02 * 2**attempt))
            else:
                return
        raise Conflict("Your cards were changed elsewhere at the same time. Please try again.")

    def _wallet(self, user_id: UUID) -> Wallet:
        """The profile first: a change between the two reads is then seen in the cards, not in the version,
        and the write is refused."""
        profile = self._table.get(keys.profile(user_id))
        if profile is None:
            raise NotFound("We can't find this account")
        return Wallet(
            user_id,
            int(profile.get("cards_version", {}).get("N", "0")),
            profile.get("stripe_customer", {}).get("S"),
            tuple(map(saved_card, self._table.query(keys.customer(user_id), keys.PAYMENT))),
        )


def _turn(wallet: Wallet) -> Update:
    """This change's turn: it comes only after the one that it has seen."""
    if wallet.version:
        unchanged = Condition("cards_version = :seen", {":seen": {"N": str(wallet.version)}})
    else:
        unchanged = Condition("attribute_exists(user_id) AND attribute_not_exists(cards_version)")
    return Update(
        keys.profile(wallet.user_id),
        "SET cards_version = :next",
        {":next": {"N": str(wallet.version + 1)}},
        when=unchanged,
    )


def _mark(user_id: UUID, card: SavedCard, *, is_default: bool) -> Update:
    # An update would otherwise make an item of a card that is gone.
    return Update(
        _card_key(user_id, card), "SET is_default = :default", {":default": {"BOOL": is_default}}, when=EXISTS
    )


def _card_key(user_id: UUID, card: SavedCard) -> Item:
    return keys.payment(user_id, card.provider, card.token)


def _card_item(user_id: UUID, card: SavedCard, *, is_default: bool) -> Item:
    return {
        **_card_key(user_id, card),
        "provider": {"S": card.provider},
        "token": {"S": card.token},
        "is_default": {"BOOL": is_default},
        "brand": {"S": card.brand},
        "last4": {"S": card.last4},
        "expiry": {"S": card.expiry},
        "fingerprint": {"S": card.fingerprint},
    }


def saved_card(item: Item) -> SavedCard:
    return SavedCard(
        provider=item["provider"]["S"],
        token=item["token"]["S"],
        brand=item.get("brand", {}).get("S", ""),
        last4=item.get("last4", {}).get("S", ""),
        expiry=item.get("expiry", {}).get("S", ""),
        is_default=item.get("is_default", {}).get("BOOL", False),
        fingerprint=item.get("fingerprint", {}).get("S", ""),
    )
