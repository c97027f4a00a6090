"""Whose a shopper's id is: a guest's, or an account's that one must be signed in to."""

from __future__ import annotations

from uuid import UUID

from storefront.domain.shoppers import ClaimState
from storefront.stores import Stores, again_if_lost


def is_guest(stores: Stores, shopper: UUID) -> bool:
    """Whether nobody needs to sign in to be this shopper: one look by key, and no other for guests.

    Raises:
        StoreUnavailable: an account was being made on this id, and DynamoDB, which alone knows whether it
            was, is unavailable. Better no page than somebody else's.
    """
    claim = stores.shopper_claims.of(shopper)
    if claim is ClaimState.REGISTERING:
        return stores.accounts.profile(shopper) is None
    return claim is None


@again_if_lost
def begin(stores: Stores, shopper: UUID) -> None:
    """Claim an id before an account is made on it. In this order, since a crash in between must leave no
    account whose id is still a guest's."""
    with stores.transaction():
        stores.shopper_claims.begin(shopper)


@again_if_lost
def withdraw(stores: Stores, shopper: UUID) -> None:
    """No account was made on this id after all: it is a guest's, who can do without DynamoDB."""
    with stores.transaction():
        stores.shopper_claims.withdraw(shopper)


@again_if_lost
def keep(stores: Stores, shopper: UUID) -> None:
    """The id is an account's, for ever. Repeatable."""
    with stores.transaction():
        stores.shopper_claims.settle(shopper, ClaimState.ACCOUNT)
