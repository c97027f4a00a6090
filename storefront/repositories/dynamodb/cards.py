"""A customer's kept cards, exactly one of them the default whenever there are any."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from botocore.exceptions import ClientError

from storefront.domain.accounts import SavedCard
from storefront.domain.errors import Conflict, NotFound
from storefront.repositories.dynamodb import keys
from storefront.repositories.dynamodb.client import DynamoDB, condition_failed, dynamo_errors
from storefront.repositories.dynamodb.users import saved_card

TRIES = 6


@dataclass(frozen=True)
class Wallet:
    """All cards of a customer as they were at ``version``, with Stripe's customer they belong to."""

    user_id: UUID
    version: int
    customer: str | None
    cards: tuple[SavedCard, ...]


Plan = Callable[[Wallet], Sequence[dict[str, Any]]]


class Cards:
    """Every change is one transaction that also counts ``cards_version`` up on the profile, from what it was
    when the cards were read: two changes that saw the same cards can't both be written."""

    def __init__(self, dynamodb: DynamoDB) -> None:
        self._dynamodb = dynamodb

    def keep_customer(self, user_id: UUID, customer: str) -> str:
        """Store the account's customer at the payment provider, unless it has one; the one that it has now.

        Raises:
            NotFound: there is no such account.
            StoreUnavailable: DynamoDB is away; the outcome may be unknown.
        """
        with dynamo_errors():
            try:
                self._dynamodb.client.update_item(
                    TableName=self._dynamodb.users,
                    Key=keys.profile(user_id),
                    UpdateExpression="SET stripe_customer = :c",
                    ConditionExpression="attribute_exists(user_id) AND attribute_not_exists(stripe_customer)",
                    ExpressionAttributeValues={":c": {"S": customer}},
                )
            except ClientError as error:
                if not condition_failed(error):
                    raise
            else:
                return customer
        kept = self._wallet(user_id).customer
        if kept is None:
            raise NotFound("We can't find this account")
        return kept

    def add(self, user_id: UUID, customer: str, card: SavedCard) -> None:
        """Keep a card of ``customer``; the first becomes the default. One that is there stays as it is.

        Raises:
            NotFound: the account is gone, or has another customer.
            Conflict: the cards kept changing.
            StoreUnavailable: call again.
        """

        def plan(wallet: Wallet) -> Sequence[dict[str, Any]]:
            if wallet.customer != customer:
                raise NotFound("We can't find this account")
            if any(kept.twin_of(card) for kept in wallet.cards):
                return ()
            first = not any(kept.is_default for kept in wallet.cards)
            return (self._put(user_id, card, is_default=first),)

        self._change(user_id, plan)

    def make_default(self, user_id: UUID, token: str) -> None:
        """Raises:
        NotFound: the customer has no such card.
        Conflict: the cards kept changing.
        StoreUnavailable: call again.
        """

        def plan(wallet: Wallet) -> Sequence[dict[str, Any]]:
            if token not in [kept.token for kept in wallet.cards]:
                raise NotFound("We can't find this card")
            return [
                self._mark(user_id, kept, is_default=kept.token == token)
                for kept in wallet.cards
                if kept.is_default is not (kept.token == token)
            ]

        self._change(user_id, plan)

    def remove(self, user_id: UUID, token: str) -> None:
        """Forget a card; if it was the default, another one becomes it. Repeatable.

        Raises:
            NotFound: there is no such account.
            Conflict: the cards kept changing.
            StoreUnavailable: call again.
        """

        def plan(wallet: Wallet) -> Sequence[dict[str, Any]]:
            gone = [kept for kept in wallet.cards if kept.token == token]
            left = [kept for kept in wallet.cards if kept.token != token]
            if not gone:
                return ()
            actions = [self._delete(user_id, gone[0])]
            if left and not any(kept.is_default for kept in left):
                heir = min(left, key=lambda kept: (kept.brand, kept.last4, kept.token))
                actions.append(self._mark(user_id, heir, is_default=True))
            return actions

        self._change(user_id, plan)

    # --- how it is written

    def _change(self, user_id: UUID, plan: Plan) -> None:
        for attempt in range(TRIES):
            wallet = self._wallet(user_id)
            actions = plan(wallet)
            if not actions or self._write([self._turn(wallet), *actions]):
                return
            time.sleep(random.uniform(0, 0.02 * 2**attempt))
        raise Conflict("Your cards were changed elsewhere at the same time. Please try again.")

    def _wallet(self, user_id: UUID) -> Wallet:
        """The profile first: a change between the two reads is then seen in the cards, not in the version,
        and the write is refused."""
        with dynamo_errors():
            profile = self._dynamodb.client.get_item(
                TableName=self._dynamodb.users, Key=keys.profile(user_id), ConsistentRead=True
            ).get("Item")
            if profile is None:
                raise NotFound("We can't find this account")
            found = self._dynamodb.client.query(
                TableName=self._dynamodb.users,
                KeyConditionExpression="user_id = :u AND begins_with(#i, :p)",
                ExpressionAttributeNames={"#i": "item"},
                ExpressionAttributeValues={":u": {"S": str(user_id)}, ":p": {"S": keys.PAYMENT}},
                ConsistentRead=True,
            )
        return Wallet(
            user_id,
            int(profile.get("cards_version", {}).get("N", "0")),
            profile.get("stripe_customer", {}).get("S"),
            tuple(saved_card(item) for item in found["Items"]),
        )

    def _write(self, actions: Sequence[dict[str, Any]]) -> bool:
        """All or nothing; False when somebody else was faster, or a repeat met its own write."""
        with dynamo_errors():
            try:
                self._dynamodb.client.transact_write_items(TransactItems=list(actions))  # type: ignore[arg-type]
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") != "TransactionCanceledException":
                    raise
                return False
        return True

    def _turn(self, wallet: Wallet) -> dict[str, Any]:
        """This change's turn: it comes only after the one that it has seen."""
        return self._action(
            "Update",
            Key=keys.profile(wallet.user_id),
            UpdateExpression="SET cards_version = :next",
            ConditionExpression="cards_version = :seen"
            if wallet.version
            else "attribute_exists(user_id) AND attribute_not_exists(cards_version)",
            ExpressionAttributeValues={
                ":next": {"N": str(wallet.version + 1)},
                **({":seen": {"N": str(wallet.version)}} if wallet.version else {}),
            },
        )

    def _put(self, user_id: UUID, card: SavedCard, *, is_default: bool) -> dict[str, Any]:
        return self._action(
            "Put",
            Item={
                **keys.payment(user_id, card.provider, card.token),
                "provider": {"S": card.provider},
                "token": {"S": card.token},
                "is_default": {"BOOL": is_default},
                "brand": {"S": card.brand},
                "last4": {"S": card.last4},
                "expiry": {"S": card.expiry},
                "fingerprint": {"S": card.fingerprint},
            },
        )

    def _mark(self, user_id: UUID, card: SavedCard, *, is_default: bool) -> dict[str, Any]:
        return self._action(
            "Update",
            Key=keys.payment(user_id, card.provider, card.token),
            UpdateExpression="SET is_default = :d",
            # An update would otherwise make an item of a card that is gone.
            ConditionExpression="attribute_exists(user_id)",
            ExpressionAttributeValues={":d": {"BOOL": is_default}},
        )

    def _delete(self, user_id: UUID, card: SavedCard) -> dict[str, Any]:
        return self._action("Delete", Key=keys.payment(user_id, card.provider, card.token))

    def _action(self, verb: str, **what: Any) -> dict[str, Any]:
        return {verb: {"TableName": self._dynamodb.users, **what}}
