"""Hundreds of long histories of a shop at work: 200 of 50 steps, with FULL=1 two thousand."""

from __future__ import annotations

import os

import pytest
from sqlalchemy import Engine

from storefront.domain.orders import OrderStatus
from storefront.process import Process
from storefront.repositories.aurora.stock import StockLevels
from storefront.services import parcels
from tests.conftest import empty
from tests.support.machine import run_machine

EXAMPLES = 2_000 if os.environ.get("FULL") else 200


@pytest.mark.prove
def test_whatever_happens_for_long_the_books_balance(
    process: Process, stripe: str, caretaker: Engine
) -> None:
    ended = run_machine(process, stripe, lambda: empty(caretaker), examples=EXAMPLES, steps=50)
    print(f"\n{EXAMPLES} histories, orders that ended: {dict(ended)}")
    # None stays paid: a worker comes last, and prepares it.
    assert set(ended) == {one.value for one in OrderStatus} - {"paid"}, "some states were never reached"


GUARDS: dict[str, tuple[object, str, object]] = {
    "what is restocked is on hand again": (StockLevels, "put_back", lambda *_: None),
    "an order that ends unpaid lets its units go": (StockLevels, "release", lambda *_: None),
    "what is refunded does not go out": (parcels, "withdraw", lambda *_: None),
}


@pytest.mark.prove
@pytest.mark.parametrize("guard", GUARDS)
def test_control_without_a_guard_it_is_found_out(
    process: Process,
    stripe: str,
    caretaker: Engine,
    monkeypatch: pytest.MonkeyPatch,
    guard: str,
) -> None:
    owner, name, instead = GUARDS[guard]
    monkeypatch.setattr(owner, name, instead)
    with pytest.raises(AssertionError):
        run_machine(process, stripe, lambda: empty(caretaker), examples=100, steps=50, the_same=True)
