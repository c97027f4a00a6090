"""Saved addresses: the default is one of them, whatever comes at once."""

from __future__ import annotations

from uuid import uuid4

import pytest

from storefront.domain.accounts import Profile, SavedAddress
from storefront.domain.errors import NotFound
from storefront.stores import Stores
from tests.support.accounts import THREADS, all_at_once, profile, without_conditions
from tests.support.factories import ADDRESS

pytestmark = pytest.mark.alone


@pytest.fixture
def stores(patient: Stores) -> Stores:
    return patient


def test_of_fifty_default_addresses_at_once_one_stands(stores: Stores) -> None:
    ada = profile()
    stores.accounts.register(ada, "hash")
    saved = [SavedAddress(uuid4(), ADDRESS) for _ in range(THREADS)]
    for one in saved:
        stores.addresses.add(ada.user_id, one)
    assert stores.accounts.for_account(ada.user_id).addresses[0].address_id == saved[0].address_id
    all_at_once(lambda n: stores.addresses.make_default(ada.user_id, saved[n].address_id))
    assert sum(one.is_default for one in stores.accounts.for_account(ada.user_id).addresses) == 1


def defaults_that_are_gone(stores: Stores) -> int:
    """Half the threads make an address the default, half delete it; how often the default names nothing."""
    gone = 0
    for _ in range(3):
        ada, saved = profile(), SavedAddress(uuid4(), ADDRESS)
        stores.accounts.register(ada, "hash")
        stores.addresses.add(ada.user_id, saved)

        def either(number: int, ada: Profile = ada, saved: SavedAddress = saved) -> None:
            if number % 2:
                stores.addresses.make_default(ada.user_id, saved.address_id)
            else:
                stores.addresses.delete(ada.user_id, saved.address_id)

        all_at_once(either)
        account = stores.accounts.for_account(ada.user_id)
        default = account.profile.default_address_id
        gone += default is not None and account.address(default) is None
    return gone


def test_the_default_address_is_never_one_that_is_gone(stores: Stores) -> None:
    assert defaults_that_are_gone(stores) == 0


def test_without_its_condition_a_deleted_address_becomes_the_default(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one order of the two that the condition is for, made certain."""
    without_conditions(monkeypatch)
    ada, saved = profile(), SavedAddress(uuid4(), ADDRESS)
    stores.accounts.register(ada, "hash")
    stores.addresses.add(ada.user_id, saved)
    stores.addresses.delete(ada.user_id, saved.address_id)
    stores.addresses.make_default(ada.user_id, saved.address_id)
    account = stores.accounts.for_account(ada.user_id)
    assert account.profile.default_address_id == saved.address_id
    assert account.address(saved.address_id) is None


def test_anothers_address_can_be_neither_changed_nor_made_default(stores: Stores) -> None:
    ada, bob, saved = profile(), profile(), SavedAddress(uuid4(), ADDRESS)
    stores.accounts.register(ada, "hash")
    stores.accounts.register(bob, "hash")
    stores.addresses.add(ada.user_id, saved)
    with pytest.raises(NotFound):
        stores.addresses.change(bob.user_id, saved)
    with pytest.raises(NotFound):
        stores.addresses.make_default(bob.user_id, saved.address_id)
    stores.addresses.delete(bob.user_id, saved.address_id)
    assert stores.accounts.for_account(ada.user_id).address(saved.address_id) is not None


def test_deleting_the_default_leaves_none_and_any_other_leaves_it(stores: Stores) -> None:
    ada, first, second = profile(), SavedAddress(uuid4(), ADDRESS), SavedAddress(uuid4(), ADDRESS)
    stores.accounts.register(ada, "hash")
    for saved in (first, second):
        stores.addresses.add(ada.user_id, saved)
    stores.addresses.delete(ada.user_id, second.address_id)
    stores.addresses.delete(ada.user_id, second.address_id)
    (left,) = stores.accounts.for_account(ada.user_id).addresses
    assert (left.address_id, left.is_default) == (first.address_id, True)
    stores.addresses.delete(ada.user_id, first.address_id)
    account = stores.accounts.for_account(ada.user_id)
    assert (account.addresses, account.profile.default_address_id) == ((), None)


def test_an_address_of_nobody_is_not_saved(stores: Stores) -> None:
    with pytest.raises(NotFound):
        stores.addresses.add(uuid4(), SavedAddress(uuid4(), ADDRESS))
