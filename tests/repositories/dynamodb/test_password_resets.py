"""Links to choose a new password: each used once, and only while the password is the one it was made for."""

from __future__ import annotations

import time
from secrets import token_hex

import pytest

from storefront.domain.accounts import Login, Profile, ResetLink
from storefront.stores import Stores
from tests.support.accounts import TOLD
from tests.support.concurrency import at_once
from tests.support.factories import shopper


@pytest.fixture
def login(stores: Stores) -> Login:
    email = f"ada.{token_hex(6)}@example.com"
    stores.accounts.register(Profile(shopper(), "Ada", email), "old hash")
    found = stores.accounts.login(email)
    assert found is not None
    return found


@pytest.fixture
def link(login: Login) -> ResetLink:
    return ResetLink(token_hex(16), login.email_key, login.fingerprint)


def soon() -> int:
    return int(time.time()) + 60


def hash_of(stores: Stores, login: Login) -> str:
    found = stores.accounts.login(login.email_key)
    assert found is not None
    return found.password_hash


def test_a_link_is_found_until_it_is_too_old(stores: Stores, link: ResetLink) -> None:
    assert stores.password_resets.find(link.token_hash) is None
    stores.password_resets.store(link, soon())
    assert stores.password_resets.find(link.token_hash) == link
    stores.password_resets.store(link, int(time.time()))
    assert stores.password_resets.find(link.token_hash) is None


def test_using_it_changes_the_password_ends_sessions_and_uses_it_up(
    stores: Stores, login: Login, link: ResetLink
) -> None:
    stores.password_resets.store(link, soon())
    assert stores.password_resets.use(link, login, "new hash", TOLD)
    assert stores.password_resets.find(link.token_hash) is None
    profile = stores.accounts.profile(login.user_id)
    assert profile is not None
    assert (hash_of(stores, login), profile.session_epoch) == ("new hash", 2)


def test_of_many_uses_at_once_one_stands(stores: Stores, login: Login, link: ResetLink) -> None:
    stores.password_resets.store(link, soon())
    done = at_once(
        *[(lambda n=n: (n, stores.password_resets.use(link, login, f"hash {n}", TOLD))) for n in range(8)]
    )
    assert done.errors == []
    ((winner, _),) = [result for result in done.results if result[1]]
    assert hash_of(stores, login) == f"hash {winner}"


def test_without_a_link_that_works_the_password_stays(stores: Stores, login: Login, link: ResetLink) -> None:
    assert not stores.password_resets.use(link, login, "never stored", TOLD)
    stores.password_resets.store(link, int(time.time()) - 1)
    assert not stores.password_resets.use(link, login, "too old", TOLD)
    assert hash_of(stores, login) == "old hash"


def test_a_password_changed_since_is_not_changed_by_it(stores: Stores, login: Login, link: ResetLink) -> None:
    stores.password_resets.store(link, soon())
    assert stores.accounts.change_password(login, "changed meanwhile", TOLD)
    assert not stores.password_resets.use(link, login, "by the link", TOLD)
    assert hash_of(stores, login) == "changed meanwhile"
    assert stores.password_resets.find(link.token_hash) == link
