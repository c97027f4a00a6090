"""Whether what must stay true is true: the invariants I1 to I15, as far as data can show them.

I12 and I13 are promises about what a shopper is told; data shows only that no payment "failed" without a
decline. I14 is seen as transactions that wait for something outside the database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from time import sleep
from uuid import UUID

from sqlalchemy import text

from storefront.audit import across_stores, at_stripe, invariants
from storefront.audit.finding import ROUND, Finding, Progress, Remedy, silent
from storefront.audit.repair import Tools, repair
from storefront.domain.errors import PaymentUnavailable, StoreUnavailable
from storefront.payments.stripe_client import Stripe
from storefront.repositories.aurora.connections import lift_bounds
from storefront.stores import Stores

__all__ = ["ROUND", "Audit", "Finding", "Remedy", "Tools", "audit", "findings", "repair"]

SINCE = timedelta(days=30)
Wait = Callable[[float], None]
"""Lets so many seconds pass."""

LOOKS = 15
"""Suspects are looked at this often at most, as long as there are fewer of them each time."""


@dataclass
class Audit:
    """What was found. ``unanswered`` names the stores that did not answer: about them nothing is known."""

    findings: list[Finding] = field(default_factory=list)
    orders: int = 0
    products: int = 0
    unanswered: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not self.findings and not self.unanswered


def audit(
    stores: Stores,
    currency: str,
    *,
    stripe: Stripe | None = None,
    since: timedelta = SINCE,
    due: bool = True,
    progress: Progress = silent,
    wait: Wait = sleep,
) -> Audit:
    """Check every invariant; Stripe's books too if ``stripe`` is given, of orders placed within ``since``.

    ``due``: also what a running worker must have done by now. Takes a worker's round longer when the stores
    seem to differ, since then it looks twice; ``wait`` is how it lets that time pass.

    Raises:
        StoreUnavailable: Aurora does not answer.
    """
    result = Audit()
    _within_aurora(stores, currency, result, progress)
    orders = result.orders
    try:
        result.findings += _still_there(
            lambda only: across_stores.suspects(stores, only, due=due, of=orders, progress=progress),
            wait,
        )
    except StoreUnavailable as error:
        if error.store != "dynamodb":
            raise
        result.unanswered.append("DynamoDB")
    if stripe is not None:
        try:
            result.findings += _still_there(
                lambda only: at_stripe.suspects(
                    stores, stripe, only, since=since, currency=currency, of=orders, progress=progress
                ),
                wait,
            )
        except PaymentUnavailable:
            result.unanswered.append("Stripe")
    return result


def findings(
    stores: Stores,
    currency: str = "USD",
    *,
    stripe: Stripe | None = None,
    due: bool = True,
    wait: Wait = sleep,
) -> list[Finding]:
    """What is broken.

    Raises:
        StoreUnavailable: a store does not answer.
    """
    result = audit(stores, currency, stripe=stripe, due=due, wait=wait)
    if result.unanswered:
        raise StoreUnavailable(result.unanswered[0].lower())
    return result.findings


def _within_aurora(stores: Stores, currency: str, result: Audit, progress: Progress) -> None:
    with stores.db.snapshot() as connection:
        # Reading everything takes longer than a shopper may be kept waiting, and more room for sorting.
        lift_bounds(connection)
        connection.execute(text("SET LOCAL work_mem = '64MB'"))
        result.orders = connection.execute(text("SELECT count(*) FROM orders")).scalar_one()
        result.products = connection.execute(text("SELECT count(*) FROM products")).scalar_one()
        for done, (name, check) in enumerate(invariants.CHECKS):
            progress(name, done, len(invariants.CHECKS))
            result.findings += check(connection, currency)


def _still_there(suspects: Callable[[set[UUID] | None], Iterable[Finding]], wait: Wait) -> list[Finding]:
    """What is found again a worker's round later; a worker that is busy with it gets another round."""
    found = list(suspects(None))
    for _ in range(LOOKS):
        if not found:
            break
        before = {finding.where for finding in found}
        wait(ROUND)
        again = suspects({finding.order_id for finding in found if finding.order_id})
        found = [finding for finding in again if finding.where in before]
        if len(found) == len(before):
            break
    return found
