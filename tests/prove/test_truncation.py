"""Fault 21's quiet sister: a reply of DynamoDB that was cut off. It is never taken for "there is none"."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from storefront.config import Settings
from storefront.domain.accounts import Profile, ResetLink, SavedAddress, SavedCard, email_key
from storefront.domain.errors import StoreUnavailable
from storefront.domain.ids import UserId
from storefront.domain.parcels import ParcelStatus
from storefront.process import Process
from storefront.repositories.dynamodb import client, keys
from storefront.repositories.dynamodb.client import DynamoDB
from storefront.repositories.dynamodb.outbox import AccountMail
from storefront.repositories.dynamodb.table import Table
from storefront.stores import Stores
from tests.support.accounts import profile
from tests.support.cutting import Cutter
from tests.support.factories import ADDRESS, order, product
from tests.support.otherwise import otherwise
from tests.support.worker import tell, work

pytestmark = pytest.mark.prove

UNAVAILABLE = "unavailable"


@pytest.fixture
def cutter(process: Process, dynamodb_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cutter]:
    made = Cutter(dynamodb_endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", made.address)
    # botocore pauses before it tries again; thousands of times that would be hours.
    monkeypatch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None, time=time.time))
    yield made
    made.close()


@pytest.fixture
def stores(cutter: Cutter, process: Process) -> Stores:
    """Past the breaker, which would keep most of the questions from being asked."""
    process.dynamodb = DynamoDB(process.settings)
    process.dynamodb.breaker = otherwise(process.dynamodb.breaker, call=nullcontext)
    return process.stores()


def answers(cutter: Cutter, ask: Callable[[], Any], *, match: bytes = b"") -> tuple[int, list[object]]:
    """How many bytes a reply has, and what is answered when it is cut at each of them: every answer once.

    The last reply of all is whole.
    """
    cutter.forget()
    cutter.match = match
    seen: list[object] = []
    cutter.cut, at = 0, 0
    while True:
        cutter.cut = at
        try:
            told: object = ask()
        except StoreUnavailable:
            told = UNAVAILABLE
        if told not in seen:
            seen.append(told)
        if at >= cutter.longest:
            break
        at += 1
    cutter.cut = None
    return at, seen


@pytest.fixture
def ada(stores: Stores) -> Profile:
    """A customer with everything that can be read of one."""
    made = profile()
    stores.accounts.register(made, "hash")
    stores.addresses.add(made.user_id, SavedAddress(uuid4(), ADDRESS))
    stores.cards.set_stripe_customer(made.user_id, "cus_1")
    stores.cards.add(made.user_id, "cus_1", SavedCard("stripe", "pm_1", "visa", "4242", "12/49"))
    return made


NOBODY = UserId(uuid4())
READS: dict[str, Callable[[Stores, Profile], object]] = {
    "login": lambda stores, ada: stores.accounts.login(email_key(ada.email)),
    "profile": lambda stores, ada: stores.accounts.profile(ada.user_id),
    "account": lambda stores, ada: stores.accounts.for_account(ada.user_id),
    "no account": lambda stores, _ada: stores.accounts.profile(NOBODY),
}


@pytest.mark.parametrize("name", READS)
def test_a_customer_is_read_whole_or_not_at_all(
    cutter: Cutter, stores: Stores, ada: Profile, name: str
) -> None:
    ask = lambda: READS[name](stores, ada)  # noqa: E731
    truth = ask()
    bytes_, seen = answers(cutter, ask)
    print(f"{name}: cut at {bytes_} places")
    assert bytes_ > 100
    assert seen == [UNAVAILABLE, truth]


def test_a_delivery_is_read_whole_or_not_at_all(cutter: Cutter, stores: Stores, process: Process) -> None:
    order_id = order(stores, product(stores, price=0))
    work(process)
    tell(stores, order_id, ParcelStatus.IN_TRANSIT, place="Salem", message="Collected")
    work(process)
    asks: dict[str, Callable[[], object]] = {
        "tracking": lambda: stores.deliveries.for_tracking(order_id),
        "written": lambda: stores.deliveries.written([order_id]),
        "exists": lambda: stores.deliveries.exists(order_id),
    }
    for name, ask in asks.items():
        truth = ask()
        bytes_, seen = answers(cutter, ask)
        print(f"{name}: cut at {bytes_} places")
        assert seen == [UNAVAILABLE, truth], name


def test_links_counters_and_waiting_mails_are_read_whole_or_not_at_all(
    cutter: Cutter, stores: Stores, ada: Profile
) -> None:
    stores.password_resets.store(
        ResetLink("token", email_key(ada.email), "fingerprint"), int(time.time()) + 3600
    )
    counter = uuid4().hex
    stores.counters.hit(counter, 3600)
    for ask in (lambda: stores.password_resets.find("token"), lambda: stores.counters.read(counter)):
        truth = ask()
        assert truth
        bytes_, seen = answers(cutter, ask)
        print(f"cut at {bytes_} places")
        assert seen == [UNAVAILABLE, truth]
    stores.outbox.put(AccountMail.PASSWORD_CHANGED, ada.email, {}, lifetime=timedelta(hours=1))
    bytes_, seen = answers(
        cutter, lambda: len(stores.outbox.claim(10, timedelta(seconds=60))), match=b".Query"
    )
    print(f"claim: cut at {bytes_} places")
    assert seen == [UNAVAILABLE, 1]


def test_a_registration_whose_reply_was_cut_off_is_never_told_as_taken(
    cutter: Cutter, stores: Stores
) -> None:
    cutter.remember = False
    made: list[Profile] = []

    def register() -> str:
        made.append(profile())
        stores.accounts.register(made[-1], "hash")
        return "registered"

    bytes_, seen = answers(cutter, register, match=b".TransactWriteItems")
    print(f"register: cut at {bytes_} places")
    assert set(seen) <= {UNAVAILABLE, "registered"}
    assert all(stores.accounts.profile(one.user_id) == one for one in made), "each was written"


def test_control_without_a_look_at_its_length_a_cut_reply_reads_as_none(
    cutter: Cutter, settings: Settings, ada: Profile
) -> None:
    """What botocore by itself makes of it."""
    naive = DynamoDB(settings)
    naive.breaker = otherwise(naive.breaker, call=nullcontext)
    naive.client.meta.events.unregister("before-parse.dynamodb", client._distrust_short_replies)
    naive.client.meta.events.unregister("after-call.dynamodb", client._refuse_disguised_errors)
    users = Table(naive, naive.users)

    def ask() -> object:
        try:
            return users.get(keys.profile(ada.user_id))
        except Exception as error:
            return type(error).__name__

    _, seen = answers(cutter, ask)
    assert None in seen
