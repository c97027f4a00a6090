"""Accounts: what is unique stays unique, whoever writes at the same time."""

from __future__ import annotations

from uuid import uuid4

import pytest

from storefront.domain.accounts import EmailTaken, Profile, SavedAddress, ShopperTaken
from storefront.domain.errors import NotFound, StoreUnavailable
from storefront.repositories.dynamodb import keys
from storefront.repositories.dynamodb.accounts import Accounts
from storefront.repositories.dynamodb.table import Action, Table
from storefront.stores import Stores
from tests.support.accounts import THREADS, TOLD, all_at_once, profile, without_conditions
from tests.support.factories import ADDRESS

pytestmark = pytest.mark.alone


@pytest.fixture
def accounts(patient: Stores) -> Accounts:
    return patient.accounts


def test_an_account_is_read_back_as_it_was_written(accounts: Accounts) -> None:
    ada = profile()
    accounts.register(ada, "hash")
    assert accounts.profile(ada.user_id) == ada
    login = accounts.login(ada.email)
    assert login is not None
    assert (login.user_id, login.password_hash) == (ada.user_id, "hash")
    assert accounts.for_account(ada.user_id).profile == ada
    assert accounts.login("nobody@example.com") is None
    assert accounts.profile(uuid4()) is None
    with pytest.raises(NotFound):
        accounts.for_account(uuid4())


def test_of_fifty_registrations_of_one_email_one_stands(accounts: Accounts) -> None:
    email = profile().email
    candidates = [profile(email) for _ in range(THREADS)]
    got = all_at_once(lambda n: accounts.register(candidates[n], f"hash-{n}"))
    assert sum(answer is None for answer in got) == 1
    assert sum(isinstance(answer, EmailTaken) for answer in got) == THREADS - 1
    assert sum(accounts.profile(c.user_id) is not None for c in candidates) == 1


def test_without_its_condition_the_race_for_an_email_is_seen(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_conditions(monkeypatch)
    email = profile().email
    candidates = [profile(email) for _ in range(THREADS)]
    all_at_once(lambda n: accounts.register(candidates[n], f"hash-{n}"))
    assert sum(accounts.profile(c.user_id) is not None for c in candidates) > 1


def test_a_shopper_has_one_profile(accounts: Accounts) -> None:
    ada = profile()
    accounts.register(ada, "hash")
    with pytest.raises(ShopperTaken):
        accounts.register(Profile(ada.user_id, "Other", f"{uuid4().hex}@example.com"), "hash")


def test_ones_own_registration_after_a_lost_answer_is_success(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, transact = profile(), Table.transact
    lost: list[bool] = []

    def answer_lost(self: Table, *actions: Action) -> None:
        transact(self, *actions)
        if not lost:
            lost.append(True)
            raise StoreUnavailable("dynamodb")

    monkeypatch.setattr(Table, "transact", answer_lost)
    accounts.register(ada, "salted hash")
    # The SDK's own repeat meets the first write as a failed condition.
    accounts.register(ada, "salted hash")
    with pytest.raises(EmailTaken):
        accounts.register(ada, "another hash")


def test_a_new_password_ends_sessions_and_only_from_the_old_one(accounts: Accounts) -> None:
    ada = profile()
    accounts.register(ada, "old")
    login = accounts.login(ada.email)
    assert login is not None
    assert accounts.change_password(login, "new", TOLD)
    after = accounts.profile(ada.user_id)
    assert after is not None
    assert after.session_epoch == ada.session_epoch + 1
    assert not accounts.change_password(login, "newer", TOLD)
    accounts.rehash(login, "rehashed from the old one")
    now = accounts.login(ada.email)
    assert now is not None
    assert now.password_hash == "new"


def test_ending_sessions_of_nobody_makes_nobody(accounts: Accounts) -> None:
    who = uuid4()
    accounts.end_sessions(who)
    assert accounts.profile(who) is None


def test_deleting_removes_all_and_may_be_repeated(accounts: Accounts, patient: Stores) -> None:
    ada = profile()
    accounts.register(ada, "hash")
    for _ in range(120):
        patient.addresses.add(ada.user_id, SavedAddress(uuid4(), ADDRESS))
    accounts.delete(ada)
    accounts.delete(ada)
    assert list(accounts._table.query(keys.customer(ada.user_id))) == []
    assert accounts.login(ada.email) is None


def test_deleting_again_leaves_an_account_made_since_with_that_address_alone(accounts: Accounts) -> None:
    ada = profile()
    accounts.register(ada, "hash")
    accounts.delete(ada)
    heir = profile(ada.email)
    accounts.register(heir, "hash")
    accounts.delete(ada)
    login = accounts.login(ada.email)
    assert login is not None
    assert login.user_id == heir.user_id
