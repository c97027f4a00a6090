"""kill -9 at every point of every piece of work, twice (ten times with FULL=1): what was begun is made whole.

Afterwards the same is asked for again, as a shopper, an operator or Stripe would, and workers go on.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import count
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from storefront.domain.accounts import Profile, SavedAddress
from storefront.domain.errors import ShopError
from storefront.domain.ids import UserId
from storefront.process import Process
from storefront.services.payments import saved_cards
from storefront.services.worker import Worker
from tests.conftest import empty
from tests.support.audit import assert_sound
from tests.support.database import sql
from tests.support.factories import ADDRESS
from tests.support.killing import FINISHED, killed
from tests.support.mailbox import Mailbox
from tests.support.saved_cards import Customer
from tests.support.stages import (
    STAGES,
    Act,
    Subject,
    half_sent,
    lapsed_and_paid_at_stripe,
    paid,
    prepared,
)
from tests.support.till import settle
from tests.support.worker import work

pytestmark = pytest.mark.prove

TIMES = 10 if os.environ.get("FULL") else 2


def a_worker_works(s: Subject) -> object:
    return Worker(s.process).round()


CASES = [
    pytest.param(stage, act, id=f"{stage.__name__}: {act.__name__}")
    for stage, act in [
        *((stage, act) for stage, acts in STAGES.items() for act in acts),
        *((stage, a_worker_works) for stage in (lapsed_and_paid_at_stripe, paid, prepared, half_sent)),
    ]
]
points: Counter[str] = Counter()


@pytest.mark.parametrize(("stage", "act"), CASES)
def test_killed_anywhere_and_asked_again_the_books_balance(
    process: Process,
    stripe: str,
    mailbox: Mailbox,
    caretaker: Engine,
    stage: Callable[[Process], Subject],
    act: Act,
) -> None:
    for _ in range(TIMES):
        for number in count():
            empty(caretaker)
            subject = stage(process)
            where = killed(process.settings, partial(_done_by, act, subject), number)
            if where == FINISHED:
                break
            points[f"{act.__name__}, {where}"] += 1
            # Leases end in twenty seconds; a worker that comes then finds what is done here.
            sql(process.stores(), "UPDATE orders SET claimed_until = NULL")
            with suppress(ShopError):
                act(subject)
            with suppress(ShopError):
                settle(process, subject.order_id)
            work(process, rounds=3)
            try:
                assert_sound(process, stripe=True, due=True)
            except AssertionError as unsound:
                raise AssertionError(f"killed {where}\n{unsound}") from None


def _done_by(act: Act, subject: Subject, own: Process) -> object:
    return act(replace(subject, process=own))


def _registers(profile: Profile, process: Process) -> None:
    with suppress(ShopError):
        process.stores().accounts.register(profile, "hash")


def test_killed_while_registering_there_is_an_account_or_none(process: Process) -> None:
    for number in count():
        made = Profile(UserId(uuid4()), "Ada", f"ada.{uuid4().hex}@example.com")
        where = killed(process.settings, partial(_registers, made), number)
        accounts = process.stores().accounts
        whole = (accounts.profile(made.user_id) is None) == (accounts.login(made.email) is None)
        assert whole, f"half an account: {where}"
        if where == FINISHED:
            break
        points[f"registers, {where}"] += 1
        _registers(made, process)
        assert process.stores().accounts.profile(made.user_id) == made


def test_killed_while_an_address_or_a_card_is_kept_it_is_kept_once(process: Process, stripe: str) -> None:
    for number in count():
        ada = Customer(process, stripe)
        ada.keep()
        saved = SavedAddress(uuid4(), ADDRESS)

        def keeps(own: Process, ada: Customer = ada, saved: SavedAddress = saved) -> None:
            own.stores().addresses.add(ada.account.profile.user_id, saved)
            saved_cards.refresh(own.stores(), own.stripe, ada.account.profile)

        where = killed(process.settings, keeps, number)
        keeps(process)
        assert [one.address_id for one in ada.account.addresses] == [saved.address_id]
        assert len(ada.account.cards) == 1
        if where == FINISHED:
            break
        points[f"keeps, {where}"] += 1


def test_there_were_forty_points_at_least() -> None:
    print(f"\n{len(points)} points, {sum(points.values())} kills")
    assert not points or len(points) >= 40
