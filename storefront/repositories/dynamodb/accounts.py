"""Accounts: a customer's profile, and the login item that makes an e-mail address unique."""

from __future__ import annotations

import time
from uuid import UUID

from storefront.domain.accounts import (
    Account,
    EmailTaken,
    LinkOver,
    Login,
    Profile,
    ShopperTaken,
    email_key,
)
from storefront.domain.errors import NotFound, StoreUnavailable
from storefront.domain.ids import UserId
from storefront.repositories.dynamodb import keys
from storefront.repositories.dynamodb.addresses import saved_address
from storefront.repositories.dynamodb.cards import saved_card
from storefront.repositories.dynamodb.client import DynamoDB
from storefront.repositories.dynamodb.outbox import Outgoing, posted
from storefront.repositories.dynamodb.table import (
    EXISTS,
    MISSING,
    MOST_IN_ONE,
    Action,
    AttributeValue,
    Condition,
    ConditionFailed,
    Delete,
    Item,
    Put,
    Table,
    Update,
)

PATIENCE = 2.0
"""Seconds: what failed slower than this is not looked at again, so that the request keeps to its bound."""


class Accounts:
    def __init__(self, dynamodb: DynamoDB) -> None:
        self._table = Table(dynamodb, dynamodb.users)

    def register(self, profile: Profile, password_hash: str) -> None:
        """Write login and profile, both or neither.

        Raises:
            EmailTaken: the address is another account's.
            ShopperTaken: this shopper id has a profile.
            StoreUnavailable: DynamoDB is unavailable; the outcome may be unknown.
        """
        login = Login(email_key(profile.email), profile.user_id, password_hash)
        started = time.monotonic()
        try:
            self._table.transact(Put(_login_item(login), MISSING), Put(_profile_item(profile), MISSING))
        except StoreUnavailable:
            if time.monotonic() - started < PATIENCE and self.login(login.email_key) == login:
                return
            raise
        except ConditionFailed:
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
            StoreUnavailable: DynamoDB is unavailable, which is never told as "no such account".
        """
        item = self._table.get(keys.login(key))
        if item is None:
            return None
        return Login(key, UserId(UUID(item["account_id"]["S"])), item["password_hash"]["S"])

    def profile(self, user_id: UUID) -> Profile | None:
        """The profile, by one consistent read: a session ended a moment ago is seen as ended.

        Raises:
            StoreUnavailable: DynamoDB is unavailable.
        """
        item = self._table.get(keys.profile(user_id))
        return _profile(item) if item else None

    def for_account(self, user_id: UUID) -> Account:
        """Profile, addresses and cards by one Query.

        Raises:
            NotFound: there is no such account.
            StoreUnavailable: DynamoDB is unavailable.
        """
        items = {keys.sort_key(item): item for item in self._table.query(keys.customer(user_id))}
        if keys.PROFILE not in items:
            raise NotFound("We can't find this account")
        profile = _profile(items[keys.PROFILE])
        addresses = [
            saved_address(item, profile.default_address_id)
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
            StoreUnavailable: DynamoDB is unavailable; the sessions may go on.
        """
        try:
            self._table.write(_next_epoch(user_id))
        except ConditionFailed:
            # An account that was deleted meanwhile has no sessions.
            return

    def change_password(self, login: Login, password_hash: str, told: Outgoing, *also: Action) -> bool:
        """A new password, and the end of every session; False if the password is not ``login``'s any more.

        ``told`` is the mail about it; it and ``also`` are written with the password or, like it, not at all.

        Raises:
            StoreUnavailable: the outcome may be unknown.
        """
        try:
            self._table.transact(
                *also, _new_password(login, password_hash), _next_epoch(login.user_id), posted(told)
            )
        except ConditionFailed:
            # A repeat after a lost answer meets its own write.
            now = self.login(login.email_key)
            return now is not None and now.password_hash == password_hash
        return True

    def change_profile(self, user_id: UUID, name: str, phone: str) -> None:
        """A new name and phone number; repeatable.

        Raises:
            StoreUnavailable: the outcome may be unknown.
        """
        try:
            self._table.write(
                Update(
                    keys.profile(user_id),
                    "SET #name = :name, phone = :phone",
                    {":name": {"S": name}, ":phone": {"S": phone}},
                    names={"#name": "name"},
                    when=EXISTS,
                )
            )
        except ConditionFailed:
            raise NotFound("We can't find this account") from None

    def change_email(self, profile: Profile, login: Login, email: str, told: Outgoing) -> None:
        """Another e-mail address to sign in with, the password as it is; ``told`` is the mail about it.

        Raises:
            EmailTaken: the address is another account's.
            LinkOver: address or password were changed meanwhile.
            StoreUnavailable: the outcome may be unknown.
        """
        moved = Login(email_key(email), profile.user_id, login.password_hash)
        new_address = Update(
            keys.profile(profile.user_id),
            "SET email = :new",
            {":new": {"S": email}},
            when=Condition("email = :old", {":old": {"S": profile.email}}),
        )
        same = Condition("password_hash = :hash", {":hash": {"S": login.password_hash}})
        logins = (
            # Only its case is new.
            ()
            if moved.email_key == login.email_key
            else (Put(_login_item(moved), MISSING), Delete(keys.login(login.email_key), same))
        )
        try:
            self._table.transact(*logins, new_address, posted(told))
        except ConditionFailed:
            # A repeat after a lost answer meets its own write.
            now = self.profile(profile.user_id)
            if now is not None and now.email == email:
                return
            taken = self.login(moved.email_key)
            if taken is not None and taken.user_id != profile.user_id:
                raise EmailTaken(email) from None
            raise LinkOver("This link was used already. Ask for a new one.") from None

    def rehash(self, login: Login, password_hash: str) -> None:
        """The same password by today's parameters, unless it was changed meanwhile.

        Raises:
            StoreUnavailable: DynamoDB is unavailable.
        """
        try:
            self._table.write(_new_password(login, password_hash))
        except ConditionFailed:
            return

    def delete(self, profile: Profile) -> None:
        """Remove everything of a customer; repeatable.

        Raises:
            StoreUnavailable: the outcome may be unknown; call again.
        """
        theirs = Condition(
            "attribute_not_exists(account_id) OR account_id = :user", {":user": {"S": str(profile.user_id)}}
        )
        last = [
            Delete(keys.login(email_key(profile.email)), theirs),
            Delete(keys.profile(profile.user_id)),
        ]
        rest = [
            Delete(keys.of(item))
            for item in self._table.query(keys.customer(profile.user_id))
            if keys.sort_key(item) != keys.PROFILE
        ]
        while len(rest) > MOST_IN_ONE - len(last):
            self._table.transact(*rest[:MOST_IN_ONE])
            rest = rest[MOST_IN_ONE:]
        try:
            self._table.transact(*rest, *last)
        except ConditionFailed:
            # The address is another account's by now, made after an earlier call had removed this one.
            return


def _new_password(login: Login, password_hash: str) -> Update:
    return Update(
        keys.login(login.email_key),
        "SET password_hash = :new",
        {":new": {"S": password_hash}},
        when=Condition("password_hash = :old", {":old": {"S": login.password_hash}}),
    )


def _next_epoch(user_id: UUID) -> Update:
    return Update(keys.profile(user_id), "ADD session_epoch :one", {":one": {"N": "1"}}, when=EXISTS)


def _login_item(login: Login) -> Item:
    return {
        **keys.login(login.email_key),
        "account_id": {"S": str(login.user_id)},
        "password_hash": {"S": login.password_hash},
    }


def _profile_item(profile: Profile) -> Item:
    item: dict[str, AttributeValue] = {
        **keys.profile(profile.user_id),
        "name": {"S": profile.name},
        "email": {"S": profile.email},
        "phone": {"S": profile.phone},
        "session_epoch": {"N": str(profile.session_epoch)},
    }
    if profile.stripe_customer:
        item["stripe_customer"] = {"S": profile.stripe_customer}
    if profile.default_address_id:
        item["default_address_id"] = {"S": str(profile.default_address_id)}
    return item


def _profile(item: Item) -> Profile:
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
