"""A customer's saved addresses, at most one of them the default."""

from __future__ import annotations

from dataclasses import asdict, fields
from uuid import UUID

from storefront.domain.accounts import SavedAddress
from storefront.domain.addresses import PostalAddress
from storefront.domain.errors import NotFound, StoreUnavailable
from storefront.repositories.dynamodb import keys
from storefront.repositories.dynamodb.client import DynamoDB
from storefront.repositories.dynamodb.table import (
    EXISTS,
    Check,
    Condition,
    ConditionFailed,
    Delete,
    Item,
    Put,
    Table,
    Update,
    Values,
)

TRIES = 5


class Addresses:
    """One attribute of the profile names the default, so there are never two."""

    def __init__(self, dynamodb: DynamoDB) -> None:
        self._table = Table(dynamodb, dynamodb.users)

    def add(self, user_id: UUID, saved: SavedAddress) -> None:
        """Save an address; the account's first becomes its default.

        Raises:
            NotFound: there is no such account.
            StoreUnavailable: the outcome may be unknown; call again with the same address_id.
        """
        default_if_first = Update(
            keys.profile(user_id),
            "SET default_address_id = if_not_exists(default_address_id, :address)",
            {":address": {"S": str(saved.address_id)}},
            when=EXISTS,
        )
        try:
            self._table.transact(Put(_address_item(user_id, saved)), default_if_first)
        except ConditionFailed:
            raise NotFound("We can't find this account") from None

    def change(self, user_id: UUID, saved: SavedAddress) -> None:
        """Raises:
        NotFound: the customer has no such address.
        StoreUnavailable: call again.
        """
        try:
            self._table.write(Put(_address_item(user_id, saved), EXISTS))
        except ConditionFailed:
            raise NotFound("We can't find this address") from None

    def make_default(self, user_id: UUID, address_id: UUID) -> None:
        """Set together with a look at the address, so that the default is never one that was deleted
        meanwhile.

        Raises:
            NotFound: the customer has no such address.
            StoreUnavailable: call again.
        """
        default = Update(
            keys.profile(user_id),
            "SET default_address_id = :address",
            {":address": {"S": str(address_id)}},
            when=EXISTS,
        )
        try:
            self._table.transact(Check(keys.address(user_id, address_id), EXISTS), default)
        except ConditionFailed:
            raise NotFound("We can't find this address") from None

    def delete(self, user_id: UUID, address_id: UUID) -> None:
        """Forget an address, and that it was the default; repeatable.

        Raises:
            StoreUnavailable: call again.
        """
        this: Values = {":address": {"S": str(address_id)}}
        profile = keys.profile(user_id)
        gone = Delete(keys.address(user_id, address_id))
        unset = Update(
            profile, "REMOVE default_address_id", when=Condition("default_address_id = :address", this)
        )
        not_default = Check(
            profile,
            Condition("attribute_not_exists(default_address_id) OR default_address_id <> :address", this),
        )
        # Not the default: then the first transaction's condition fails and the address goes alone, as long
        # as it has not become the default in between.
        for _ in range(TRIES):
            for beside in (unset, not_default):
                try:
                    self._table.transact(gone, beside)
                except ConditionFailed:
                    continue
                return
        raise StoreUnavailable("dynamodb")


def _address_item(user_id: UUID, saved: SavedAddress) -> Item:
    return {
        **keys.address(user_id, saved.address_id),
        "address_id": {"S": str(saved.address_id)},
        **{name: {"S": value} for name, value in asdict(saved.address).items()},
    }


def saved_address(item: Item, default: UUID | None) -> SavedAddress:
    address_id = UUID(item["address_id"]["S"])
    values = {f.name: item.get(f.name, {}).get("S", "") for f in fields(PostalAddress)}
    return SavedAddress(address_id, PostalAddress(**values), address_id == default)
