"""A customer's saved addresses."""

from __future__ import annotations

from uuid import UUID, uuid4

from storefront.domain.accounts import MAX_ADDRESSES, Account, SavedAddress
from storefront.domain.addresses import PostalAddress
from storefront.domain.errors import Conflict, NotFound
from storefront.domain.ids import UserId
from storefront.services import address_rules
from storefront.stores import Stores


def add(stores: Stores, user_id: UserId, address: PostalAddress) -> SavedAddress:
    """Save an address; the first becomes the default, and one that is there already is not saved twice.

    Raises:
        Invalid: it breaks its country's rules.
        Conflict: the book is full.
        StoreUnavailable: DynamoDB is unavailable.
    """
    address_rules.check(address)
    account = stores.accounts.for_account(user_id)
    same = next((saved for saved in account.addresses if saved.address == address), None)
    if same is not None:
        return same
    # Many at once may overshoot by as many: the number keeps a page readable and guards nothing else.
    if len(account.addresses) >= MAX_ADDRESSES:
        raise Conflict(f"Your address book holds {MAX_ADDRESSES} addresses. Delete one first.")
    saved = SavedAddress(uuid4(), address, not account.addresses)
    stores.addresses.add(user_id, saved)
    return saved


def change(stores: Stores, user_id: UserId, address_id: UUID, address: PostalAddress) -> None:
    """Raises:
    NotFound: the customer has no such address.
    Invalid: it breaks its country's rules.
    """
    address_rules.check(address)
    stores.addresses.change(user_id, SavedAddress(address_id, address))


def of(account: Account, address_id: UUID) -> SavedAddress:
    """Raises:
    NotFound: no such address, or another customer's: the two are never told apart.
    """
    saved = account.address(address_id)
    if saved is None:
        raise NotFound("We can't find this address")
    return saved
