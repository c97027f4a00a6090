"""The users table: what is unique stays unique, whoever writes at the same time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from factories import ADDRESS

from storefront.domain.accounts import EmailTaken, Profile, SavedAddress, ShopperTaken
from storefront.domain.errors import NotFound, StoreUnavailable
from storefront.domain.ids import UserId
from storefront.process import Process
from storefront.repositories.dynamodb import client
from storefront.repositories.dynamodb.users import Users

pytestmark = pytest.mark.alone

THREADS = 50


@pytest.fixture
def users(process: Process, monkeypatch: pytest.MonkeyPatch) -> Users:
    # Fifty at once wait for each other at moto, which answers one at a time.
    monkeypatch.setattr(client, "READ_SECONDS", 20.0)
    return process.stores().users


def profile(email: str = "") -> Profile:
    return Profile(UserId(uuid4()), "Ada Marsh", email or f"ada.{uuid4().hex[:12]}@example.com")


def all_at_once(work: Callable[[int], Any]) -> list[Any]:
    """What each thread got: a value, or the error it met."""
    barrier = Barrier(THREADS)

    def run(number: int) -> Any:
        barrier.wait()
        try:
            return work(number)
        except Exception as error:
            return error

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(run, range(THREADS)))


def without_conditions(users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes the guard away: transactions that look at nothing."""
    transact = Users._transact

    def careless(self: Users, *actions: dict[str, Any]) -> bool:
        kept = []
        for action in actions:
            ((verb, values),) = action.items()
            if verb == "ConditionCheck":
                continue
            values = {k: v for k, v in values.items() if k != "ConditionExpression"}
            for used in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
                # DynamoDB refuses names and values that no expression uses any more.
                expression = values.get("UpdateExpression", "")
                left = {name: what for name, what in values.pop(used, {}).items() if name in expression}
                if left:
                    values[used] = left
            kept.append({verb: values})
        return transact(self, *kept)

    monkeypatch.setattr(Users, "_transact", careless)


def test_an_account_is_read_back_as_it_was_written(users: Users) -> None:
    ada = profile()
    users.register(ada, "hash")
    assert users.profile(ada.user_id) == ada
    login = users.login(ada.email)
    assert login is not None
    assert (login.user_id, login.password_hash) == (ada.user_id, "hash")
    assert users.for_account(ada.user_id).profile == ada
    assert users.login("nobody@example.com") is None
    assert users.profile(uuid4()) is None
    with pytest.raises(NotFound):
        users.for_account(uuid4())


def test_of_fifty_registrations_of_one_email_one_stands(users: Users) -> None:
    email = profile().email
    candidates = [profile(email) for _ in range(THREADS)]
    got = all_at_once(lambda n: users.register(candidates[n], f"hash-{n}"))
    assert sum(answer is None for answer in got) == 1
    assert sum(isinstance(answer, EmailTaken) for answer in got) == THREADS - 1
    assert sum(users.profile(c.user_id) is not None for c in candidates) == 1


def test_without_its_condition_the_race_for_an_email_is_seen(
    users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_conditions(users, monkeypatch)
    email = profile().email
    candidates = [profile(email) for _ in range(THREADS)]
    all_at_once(lambda n: users.register(candidates[n], f"hash-{n}"))
    assert sum(users.profile(c.user_id) is not None for c in candidates) > 1


def test_a_shopper_has_one_profile(users: Users) -> None:
    ada = profile()
    users.register(ada, "hash")
    with pytest.raises(ShopperTaken):
        users.register(Profile(ada.user_id, "Other", f"{uuid4().hex}@example.com"), "hash")


def test_ones_own_registration_after_a_lost_answer_is_success(
    users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, transact = profile(), Users._transact
    lost: list[bool] = []

    def answer_lost(self: Users, *actions: dict[str, Any]) -> bool:
        transact(self, *actions)
        if not lost:
            lost.append(True)
            raise StoreUnavailable("dynamodb")
        return transact(self, *actions)

    monkeypatch.setattr(Users, "_transact", answer_lost)
    users.register(ada, "salted hash")
    # The SDK's own repeat meets the first write as a failed condition.
    users.register(ada, "salted hash")
    with pytest.raises(EmailTaken):
        users.register(ada, "another hash")


def test_a_new_password_ends_sessions_and_only_from_the_old_one(users: Users) -> None:
    ada = profile()
    users.register(ada, "old")
    login = users.login(ada.email)
    assert login is not None
    assert users.change_password(login, "new")
    after = users.profile(ada.user_id)
    assert after is not None
    assert after.session_epoch == ada.session_epoch + 1
    assert not users.change_password(login, "newer")
    users.rehash(login, "rehashed from the old one")
    now = users.login(ada.email)
    assert now is not None
    assert now.password_hash == "new"


def test_ending_sessions_of_nobody_makes_nobody(users: Users) -> None:
    who = uuid4()
    users.end_sessions(who)
    assert users.profile(who) is None


def test_of_fifty_default_addresses_at_once_one_stands(users: Users) -> None:
    ada = profile()
    users.register(ada, "hash")
    saved = [SavedAddress(uuid4(), ADDRESS) for _ in range(THREADS)]
    for one in saved:
        users.add_address(ada.user_id, one)
    assert users.for_account(ada.user_id).addresses[0].address_id == saved[0].address_id
    all_at_once(lambda n: users.make_default_address(ada.user_id, saved[n].address_id))
    assert sum(one.is_default for one in users.for_account(ada.user_id).addresses) == 1


def defaults_that_are_gone(users: Users) -> int:
    """Half the threads make an address the default, half delete it; how often the default names nothing."""
    gone = 0
    for _ in range(3):
        ada, saved = profile(), SavedAddress(uuid4(), ADDRESS)
        users.register(ada, "hash")
        users.add_address(ada.user_id, saved)

        def either(number: int, ada: Profile = ada, saved: SavedAddress = saved) -> None:
            if number % 2:
                users.make_default_address(ada.user_id, saved.address_id)
            else:
                users.delete_address(ada.user_id, saved.address_id)

        all_at_once(either)
        account = users.for_account(ada.user_id)
        default = account.profile.default_address_id
        gone += default is not None and account.address(default) is None
    return gone


def test_the_default_address_is_never_one_that_is_gone(users: Users) -> None:
    assert defaults_that_are_gone(users) == 0


def test_without_its_condition_a_deleted_address_becomes_the_default(
    users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one order of the two that the condition is for, made certain."""
    without_conditions(users, monkeypatch)
    ada, saved = profile(), SavedAddress(uuid4(), ADDRESS)
    users.register(ada, "hash")
    users.add_address(ada.user_id, saved)
    users.delete_address(ada.user_id, saved.address_id)
    users.make_default_address(ada.user_id, saved.address_id)
    account = users.for_account(ada.user_id)
    assert account.profile.default_address_id == saved.address_id
    assert account.address(saved.address_id) is None


def test_anothers_address_can_be_neither_changed_nor_made_default(users: Users) -> None:
    ada, bob, saved = profile(), profile(), SavedAddress(uuid4(), ADDRESS)
    users.register(ada, "hash")
    users.register(bob, "hash")
    users.add_address(ada.user_id, saved)
    with pytest.raises(NotFound):
        users.change_address(bob.user_id, saved)
    with pytest.raises(NotFound):
        users.make_default_address(bob.user_id, saved.address_id)
    users.delete_address(bob.user_id, saved.address_id)
    assert users.for_account(ada.user_id).address(saved.address_id) is not None


def test_deleting_removes_all_and_may_be_repeated(users: Users) -> None:
    ada = profile()
    users.register(ada, "hash")
    for _ in range(120):
        users.add_address(ada.user_id, SavedAddress(uuid4(), ADDRESS))
    users.delete(ada)
    users.delete(ada)
    assert users._collection(str(ada.user_id)) == []
    assert users.login(ada.email) is None
