"""Accounts made straight in the users table, many calls at once, and the table without its guards."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest

from storefront.domain.accounts import Profile
from storefront.domain.ids import UserId
from storefront.repositories.dynamodb.outbox import AccountMail, Outgoing
from storefront.repositories.dynamodb.table import ALWAYS, Action, Check, Table

THREADS = 50
TOLD = Outgoing(AccountMail.PASSWORD_CHANGED, "ada@example.com", {}, timedelta(hours=1))
"""The mail that goes with a new password."""


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


def without_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Takes the guard off: transactions that look at nothing."""
    transact = Table.transact

    def careless(self: Table, *actions: Action) -> None:
        writes = [action for action in actions if not isinstance(action, Check)]
        transact(self, *(replace(write, when=ALWAYS) for write in writes))

    monkeypatch.setattr(Table, "transact", careless)
