"""Customers: one item collection each, and the login item that makes an e-mail address unique."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import fields
from typing import Any
from uuid import UUID

from botocore.exceptions import ClientError

from storefront.domain.accounts import (
    Account,
    EmailTaken,
    Login,
    Profile,
    ResetLink,
    SavedAddress,
    SavedCard,
    ShopperTaken,
    email_key,
)
from storefront.domain.customers import PostalAddress
from storefront.domain.errors import NotFound, StoreUnavailable
from storefront.domain.ids import UserId
from storefront.repositories.dynamodb import keys
from storefront.repositories.dynamodb.client import DynamoDB, condition_failed, dynamo_errors

CONFLICT_TRIES = 5
MOST_IN_ONE = 100
"""Items that one transaction may touch."""
PATIENCE = 2.0
"""Seconds: what failed slower than this is not looked at again, so that the request keeps to its bound."""


class Users:
    def __init__(self, dynamodb: DynamoDB) -> None:
        self._dynamodb = dynamodb

    # --- accounts

    def register(self, profile: Profile, password_hash: str) -> None:
        """Write login and profile, both or neither.

        Raises:
            EmailTaken: the address is another account's.
            ShopperTaken: this shopper id has a profile.
            StoreUnavailable: DynamoDB is away; the outcome may be unknown.
        """
        login = Login(email_key(profile.email), profile.user_id, password_hash)
        started = time.monotonic()
        try:
            written = self._transact(
                self._put(
                    {**keys.login(login.email_key), **_login_values(login)}, "attribute_not_exists(#k)"
                ),
                self._put(
                    {**keys.profile(profile.user_id), **_profile_values(profile)}, "attribute_not_exists(#k)"
                ),
            )
        except StoreUnavailable:
            if time.monotonic() - started < PATIENCE and self.login(login.email_key) == login:
                return
            raise
        if written:
            return
        # A repeat after a lost answer meets its own write; the salted hash tells whose it is.
        found = self.login(login.email_key)
        if found == login:
            return
        if found is None:
            raise ShopperTaken("This browser has an account already. Please try again.") from None
        raise EmailTaken(profile.email) from None

    def login(self, key: str) -> Login | None:
        """What a sign-in with this e-mail key is checked against, by one consistent read.

        Raises:
            StoreUnavailable: DynamoDB is away, which is never told as "no such account".
        """
        item = self._get(keys.login(key))
        if item is None:
            return None
        return Login(key, UserId(UUID(item["account_id"]["S"])), item["password_hash"]["S"])

    def profile(self, user_id: UUID) -> Profile | None:
        """The profile, by one consistent read: a session ended a moment ago is seen as ended.

        Raises:
            StoreUnavailable: DynamoDB is away.
        """
        item = self._get(keys.profile(user_id))
        return _profile(item) if item else None

    def for_account(self, user_id: UUID) -> Account:
        """Profile, addresses and cards by one Query.

        Raises:
            NotFound: there is no such account.
            StoreUnavailable: DynamoDB is away.
        """
        items = {item["item"]["S"]: item for item in self._collection(str(user_id))}
        if keys.PROFILE not in items:
            raise NotFound("We can't find this account")
        profile = _profile(items[keys.PROFILE])
        addresses = [
            _saved_address(item, profile.default_address_id)
            for name, item in items.items()
            if name.startswith(keys.ADDRESS)
        ]
        cards = [saved_card(item) for name, item in items.items() if name.startswith(keys.PAYMENT)]
        return Account(
            profile,
            tuple(sorted(addresses, key=lambda a: (not a.is_default, a.address.name, str(a.address_id)))),
            tuple(sorted(cards, key=lambda c: (not c.is_default, c.brand, c.last4, c.token))),
        )

    def end_sessions(self, user_id: UUID) -> None:
        """Raise the epoch: every session of the account, copied cookies too, is over.

        Raises:
            StoreUnavailable: DynamoDB is away; the sessions may go on.
        """
        with dynamo_errors():
            try:
                self._dynamodb.client.update_item(
                    TableName=self._dynamodb.users,
                    Key=keys.profile(user_id),
                    UpdateExpression="ADD session_epoch :one",
                    ConditionExpression="attribute_exists(user_id)",
                    ExpressionAttributeValues={":one": {"N": "1"}},
                )
            except ClientError as error:
                # An account that was deleted meanwhile has no sessions.
                if not condition_failed(error):
                    raise

    def change_password(self, login: Login, password_hash: str) -> bool:
        """A new password, and the end of every session; False if the password is not ``login``'s any more.

        Raises:
            StoreUnavailable: the outcome may be unknown.
        """
        return self._changed_to(login, password_hash, self._new_password(login, password_hash))

    def rehash(self, login: Login, password_hash: str) -> None:
        """The same password by today's parameters, unless it was changed meanwhile.

        Raises:
            StoreUnavailable: DynamoDB is away.
        """
        with dynamo_errors():
            try:
                self._dynamodb.client.update_item(
                    TableName=self._dynamodb.users,
                    Key=keys.login(login.email_key),
                    UpdateExpression="SET password_hash = :new",
                    ConditionExpression="password_hash = :old",
                    ExpressionAttributeValues={
                        ":new": {"S": password_hash},
                        ":old": {"S": login.password_hash},
                    },
                )
            except ClientError as error:
                if not condition_failed(error):
                    raise

    def delete(self, profile: Profile) -> None:
        """Remove everything of a customer; repeatable.

        Raises:
            StoreUnavailable: the outcome may be unknown; call again.
        """
        login = keys.login(email_key(profile.email))
        own = {"#o": "account_id"}
        theirs = {":u": {"S": str(profile.user_id)}}
        last = [
            self._delete(login, "attribute_not_exists(#o) OR #o = :u", own, theirs),
            self._delete(keys.profile(profile.user_id)),
        ]
        rest = [
            self._delete(keys.key(str(profile.user_id), item["item"]["S"]))
            for item in self._collection(str(profile.user_id))
            if item["item"]["S"] != keys.PROFILE
        ]
        while len(rest) > MOST_IN_ONE - len(last):
            self._transact(*rest[:MOST_IN_ONE])
            rest = rest[MOST_IN_ONE:]
        self._transact(*rest, *last)

    # --- addresses

    def add_address(self, user_id: UUID, saved: SavedAddress) -> None:
        """Keep an address; the account's first becomes its default.

        Raises:
            NotFound: there is no such account.
            StoreUnavailable: the outcome may be unknown; call again with the same address_id.
        """
        written = self._transact(
            self._put(
                {**keys.address(user_id, saved.address_id), **_address_values(saved)},
            ),
            self._update(
                keys.profile(user_id),
                "SET default_address_id = if_not_exists(default_address_id, :a)",
                "attribute_exists(user_id)",
                {":a": {"S": str(saved.address_id)}},
            ),
        )
        if not written:
            raise NotFound("We can't find this account")

    def change_address(self, user_id: UUID, saved: SavedAddress) -> None:
        """Raises:
        NotFound: the customer has no such address.
        StoreUnavailable: call again.
        """
        with dynamo_errors():
            try:
                self._dynamodb.client.put_item(
                    TableName=self._dynamodb.users,
                    Item={**keys.address(user_id, saved.address_id), **_address_values(saved)},
                    ConditionExpression="attribute_exists(user_id)",
                )
            except ClientError as error:
                if condition_failed(error):
                    raise NotFound("We can't find this address") from None
                raise

    def make_default_address(self, user_id: UUID, address_id: UUID) -> None:
        """One attribute of the profile names the default, so there are never two; it is set together
        with a look at the address, so it never names one that was deleted meanwhile.

        Raises:
            NotFound: the customer has no such address.
            StoreUnavailable: call again.
        """
        written = self._transact(
            {
                "ConditionCheck": {
                    "TableName": self._dynamodb.users,
                    "Key": keys.address(user_id, address_id),
                    "ConditionExpression": "attribute_exists(user_id)",
                }
            },
            self._update(
                keys.profile(user_id),
                "SET default_address_id = :a",
                "attribute_exists(user_id)",
                {":a": {"S": str(address_id)}},
            ),
        )
        if not written:
            raise NotFound("We can't find this address")

    def delete_address(self, user_id: UUID, address_id: UUID) -> None:
        """Forget an address, and that it was the default; repeatable.

        Raises:
            StoreUnavailable: call again.
        """
        gone = self._delete(keys.address(user_id, address_id))
        unset = self._update(
            keys.profile(user_id),
            "REMOVE default_address_id",
            "default_address_id = :a",
            {":a": {"S": str(address_id)}},
        )
        # Not the default: then the first transaction's condition fails and the address goes alone, as long
        # as it has not become the default in between.
        still = {
            "ConditionCheck": {
                "TableName": self._dynamodb.users,
                "Key": keys.profile(user_id),
                "ConditionExpression": "attribute_not_exists(default_address_id) OR default_address_id <> :a",
                "ExpressionAttributeValues": {":a": {"S": str(address_id)}},
            }
        }
        for _ in range(CONFLICT_TRIES):
            if self._transact(gone, unset) or self._transact(gone, still):
                return
        raise StoreUnavailable("dynamodb")

    # --- forgotten passwords

    def keep_reset(self, link: ResetLink, expires: int) -> None:
        """Let a token work until ``expires`` (seconds since 1970).

        Raises:
            StoreUnavailable: DynamoDB is away.
        """
        with dynamo_errors():
            self._dynamodb.client.put_item(
                TableName=self._dynamodb.users,
                Item={
                    **keys.reset(link.token_hash),
                    "email_key": {"S": link.email_key},
                    "fingerprint": {"S": link.fingerprint},
                    "expires": {"N": str(expires)},
                },
            )

    def reset(self, token_hash: str) -> ResetLink | None:
        """What a token opens; None when it was used or is too old, removed by DynamoDB already or not.

        Raises:
            StoreUnavailable: DynamoDB is away.
        """
        item = self._get(keys.reset(token_hash))
        if item is None or int(item["expires"]["N"]) <= time.time():
            return None
        return ResetLink(token_hash, item["email_key"]["S"], item["fingerprint"]["S"])

    def use_reset(self, link: ResetLink, login: Login, password_hash: str) -> bool:
        """Use a token up for a new password, and end every session; False if another use was faster.

        Raises:
            StoreUnavailable: the outcome may be unknown.
        """
        used = self._delete(
            keys.reset(link.token_hash),
            "attribute_exists(user_id) AND #e > :now",
            {"#e": "expires"},
            {":now": {"N": str(int(time.time()))}},
        )
        return self._changed_to(login, password_hash, [used, *self._new_password(login, password_hash)])

    # --- how it is written

    def _new_password(self, login: Login, password_hash: str) -> list[dict[str, Any]]:
        return [
            self._update(
                keys.login(login.email_key),
                "SET password_hash = :new",
                "password_hash = :old",
                {":new": {"S": password_hash}, ":old": {"S": login.password_hash}},
            ),
            self._update(
                keys.profile(login.user_id),
                "ADD session_epoch :one",
                "attribute_exists(user_id)",
                {":one": {"N": "1"}},
            ),
        ]

    def _changed_to(self, login: Login, password_hash: str, actions: list[dict[str, Any]]) -> bool:
        if self._transact(*actions):
            return True
        now = self.login(login.email_key)
        return now is not None and now.password_hash == password_hash

    def _transact(self, *actions: dict[str, Any]) -> bool:
        """All or nothing; False when a condition does not hold.

        Raises:
            StoreUnavailable: away, or others kept writing the same items; the outcome may be unknown.
        """
        for attempt in range(CONFLICT_TRIES):
            with dynamo_errors():
                try:
                    self._dynamodb.client.transact_write_items(TransactItems=list(actions))  # type: ignore[arg-type]
                except ClientError as error:
                    codes = _cancelled_by(error)
                    if codes is None:
                        raise
                    if "ConditionalCheckFailed" in codes:
                        return False
                    time.sleep(0.02 * (attempt + 1))
                else:
                    return True
        raise StoreUnavailable("dynamodb")

    def _put(self, item: dict[str, Any], condition: str = "") -> dict[str, Any]:
        action: dict[str, Any] = {"TableName": self._dynamodb.users, "Item": item}
        if condition:
            action |= {"ConditionExpression": condition, "ExpressionAttributeNames": {"#k": "user_id"}}
        return {"Put": action}

    def _update(
        self, key: dict[str, Any], expression: str, condition: str, values: dict[str, Any]
    ) -> dict[str, Any]:
        return {
            "Update": {
                "TableName": self._dynamodb.users,
                "Key": key,
                "UpdateExpression": expression,
                "ConditionExpression": condition,
                "ExpressionAttributeValues": values,
            }
        }

    def _delete(
        self,
        key: dict[str, Any],
        condition: str = "",
        names: Mapping[str, str] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        action: dict[str, Any] = {"TableName": self._dynamodb.users, "Key": key}
        if condition:
            action |= {
                "ConditionExpression": condition,
                "ExpressionAttributeNames": names,
                "ExpressionAttributeValues": values,
            }
        return {"Delete": action}

    def _get(self, key: dict[str, Any]) -> Mapping[str, Any] | None:
        with dynamo_errors():
            answer = self._dynamodb.client.get_item(
                TableName=self._dynamodb.users, Key=key, ConsistentRead=True
            )
        return answer.get("Item")

    def _collection(self, partition: str) -> list[Mapping[str, Any]]:
        with dynamo_errors():
            answer = self._dynamodb.client.query(
                TableName=self._dynamodb.users,
                KeyConditionExpression="user_id = :u",
                ExpressionAttributeValues={":u": {"S": partition}},
                ConsistentRead=True,
            )
        return list(answer["Items"])


def _cancelled_by(error: ClientError) -> list[str] | None:
    """Why a transaction was cancelled, a code an item; None when it is another error."""
    if error.response.get("Error", {}).get("Code") != "TransactionCanceledException":
        return None
    reasons: list[Mapping[str, str]] = error.response.get("CancellationReasons", [])  # type: ignore[assignment]
    return [reason.get("Code", "None") for reason in reasons]


def _login_values(login: Login) -> dict[str, Any]:
    return {"account_id": {"S": str(login.user_id)}, "password_hash": {"S": login.password_hash}}


def _profile_values(profile: Profile) -> dict[str, Any]:
    values: dict[str, Any] = {
        "name": {"S": profile.name},
        "email": {"S": profile.email},
        "phone": {"S": profile.phone},
        "session_epoch": {"N": str(profile.session_epoch)},
    }
    if profile.stripe_customer:
        values["stripe_customer"] = {"S": profile.stripe_customer}
    if profile.default_address_id:
        values["default_address_id"] = {"S": str(profile.default_address_id)}
    return values


def _profile(item: Mapping[str, Any]) -> Profile:
    default = item.get("default_address_id", {}).get("S")
    return Profile(
        user_id=UserId(UUID(item["user_id"]["S"])),
        name=item["name"]["S"],
        email=item["email"]["S"],
        phone=item.get("phone", {}).get("S", ""),
        session_epoch=int(item["session_epoch"]["N"]),
        stripe_customer=item.get("stripe_customer", {}).get("S"),
        default_address_id=UUID(default) if default else None,
    )


def _address_values(saved: SavedAddress) -> dict[str, Any]:
    values = {f.name: {"S": getattr(saved.address, f.name)} for f in fields(PostalAddress)}
    return {"address_id": {"S": str(saved.address_id)}, **values}


def _saved_address(item: Mapping[str, Any], default: UUID | None) -> SavedAddress:
    address_id = UUID(item["address_id"]["S"])
    values = {f.name: item.get(f.name, {}).get("S", "") for f in fields(PostalAddress)}
    return SavedAddress(address_id, PostalAddress(**values), address_id == default)


def saved_card(item: Mapping[str, Any]) -> SavedCard:
    return SavedCard(
        provider=item["provider"]["S"],
        token=item["token"]["S"],
        brand=item.get("brand", {}).get("S", ""),
        last4=item.get("last4", {}).get("S", ""),
        expiry=item.get("expiry", {}).get("S", ""),
        is_default=item.get("is_default", {}).get("BOOL", False),
        fingerprint=item.get("fingerprint", {}).get("S", ""),
    )
