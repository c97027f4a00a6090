"""The shop's own audit as a test's last word."""

from __future__ import annotations

from storefront.process import Process
from storefront.services.audit import audit


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
