"""The shop's own audit as a test's last word. A folder's conftest.py takes it by naming both fixtures."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from storefront.audit import Finding, audit
from storefront.audit import findings as findings_of
from storefront.payments.stripe_client import Stripe
from storefront.process import Process
from storefront.stores import Stores


def at_once(_seconds: float) -> None:
    """For stores that only the test writes to: what differs now would differ a worker's round later."""


def findings(
    stores: Stores,
    *,
    stripe: Stripe | None = None,
    due: bool = True,
    wait: Callable[[float], None] = at_once,
) -> list[Finding]:
    """What is broken."""
    return findings_of(stores, "USD", stripe=stripe, due=due, wait=wait)


def assert_sound(process: Process, *, due: bool = False, stripe: bool = False) -> None:
    """Every invariant holds.

    ``due``: also what a worker must have done by now; only where one runs, or has run. ``stripe``: and
    Stripe's books say the same. A DynamoDB that a test has taken away is passed over.
    """
    result = audit(
        process.stores(), process.settings.currency, stripe=process.stripe if stripe else None, due=due
    )
    assert "Stripe" not in result.unanswered
    assert not result.findings, "\n".join(f"{one.invariant}: {one.message}" for one in result.findings)


@pytest.fixture
def unsound() -> None:
    """Named by tests that break an invariant on purpose: no audit after them."""


@pytest.fixture(autouse=True)
def sound(request: pytest.FixtureRequest) -> Iterator[None]:
    """The audit, after each test that used a process; asked for before it, so that it outlives its faults."""
    audited = "process" in request.fixturenames and "unsound" not in request.fixturenames
    process = request.getfixturevalue("process") if audited else None
    yield
    if process is not None:
        assert_sound(process)
