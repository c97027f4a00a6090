"""Every two things that may happen to an order at once, the second while the first stands still at each of
its statements in turn. Both answers are the shop's own words, and the books balance, Stripe's too.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest
from sqlalchemy import Engine

from storefront.process import Process
from storefront.repositories.aurora.orders import Orders
from tests.conftest import empty
from tests.support.audit import assert_sound
from tests.support.interleaving import interleave
from tests.support.stages import STAGES, Act, Subject, half_sent, paid, prepared
from tests.support.till import settle
from tests.support.unguarded import order_without_its_lock
from tests.support.worker import work

pytestmark = pytest.mark.prove

MOST = 40
"""Statements of one piece of work that are tried at most."""
PAIRS = [
    pytest.param(stage, first, second, id=f"{stage.__name__}: {first.__name__}, {second.__name__}")
    for stage, acts in STAGES.items()
    for first in acts
    for second in acts
]
tried = 0


@pytest.mark.parametrize(("stage", "first", "second"), PAIRS)
def test_whatever_comes_between_the_books_balance(
    process: Process,
    stripe: str,
    caretaker: Engine,
    stage: Callable[[Process], Subject],
    first: Act,
    second: Act,
) -> None:
    global tried  # noqa: PLW0603 - told at the end of the battery
    for at in count():
        empty(caretaker)
        subject = stage(process)
        pair = interleave(process, lambda s=subject: first(s), lambda s=subject: second(s), at)  # type: ignore[misc]
        where = f"paused before {pair.paused!r}: {pair.first}, {pair.second}"
        assert pair.first.broken is None, where
        assert pair.second.broken is None, where
        if not pair.paused or at >= MOST:
            break
        tried += 1
        settle(process, subject.order_id)
        work(process)
        try:
            assert_sound(process, stripe=True)
        except AssertionError as unsound:
            raise AssertionError(f"{where}\n{unsound}") from None


def test_there_were_hundreds_of_them() -> None:
    print(f"\n{tried} interleavings")
    assert tried == 0 or tried >= 100, "fewer than the battery was made for"


# --- negative controls


@pytest.mark.parametrize(
    ("stage", "first", "second"),
    [
        (paid, "cancels", "refunds_all"),
        (prepared, "books_the_rest", "books_the_rest"),
        (half_sent, "refunds_one", "refunds_all"),
    ],
)
def test_control_without_the_orders_lock_something_breaks(
    process: Process,
    stripe: str,
    caretaker: Engine,
    monkeypatch: pytest.MonkeyPatch,
    stage: Callable[[Process], Subject],
    first: str,
    second: str,
) -> None:
    by_name = {act.__name__: act for acts in STAGES.values() for act in acts}
    monkeypatch.setattr(Orders, "lock", order_without_its_lock)
    with pytest.raises(AssertionError):
        test_whatever_comes_between_the_books_balance(
            process, stripe, caretaker, stage, by_name[first], by_name[second]
        )
