"""Every store's wire, broken in every way, under every request: a true page within five seconds each time.

Eight pairs of wire and fault run at once, each on a shop of its own: most of what they do is to wait. The
books are audited after each pair (with FULL=1 after each request), and at the end those of all stores.
"""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from storefront.audit import invariants
from storefront.domain.errors import ShopError
from storefront.process import Process
from tests.support.audit import assert_sound
from tests.support.database import sql
from tests.support.mailbox import Mailbox
from tests.support.matrix import LINKS, REQUESTS, Cell, WiredShop
from tests.support.till import settle
from tests.support.wire import Fault
from tests.support.worker import work

pytestmark = [pytest.mark.prove, pytest.mark.alone]

WITHIN = 5.0
JOBS, WITHIN_A_JOB = frozenset({"expire", "ship", "mail", "carrier"}), 12.0
"""A worker's jobs keep nobody waiting; they give up when a batch has met what keeps it."""
NOISE = 0.7
"""Seconds that eight shops at once on two cores may add to what an answer takes by itself."""
FAULTS = [fault for fault in Fault if fault is not Fault.NONE]
ANSWERS = frozenset({0, 200, 202, 204, 303, 400, 404, 409, 422, 503})
TRACES = ("Traceback", "sqlalchemy", "psycopg", "botocore")
SAYS_SO = ("be right back", "try again", "can't", "can’t", "does not answer")


def wrong(link: str, cell: Cell) -> str:
    """What is not as it should be about an answer."""
    if cell.broken:
        return cell.broken
    if cell.status not in ANSWERS:
        return f"answered {cell.status}"
    if cell.seconds > (WITHIN_A_JOB if cell.request in JOBS else WITHIN + NOISE):
        return f"took {cell.seconds:.1f} s"
    if any(trace in cell.text for trace in TRACES):
        return "shows a trace"
    if cell.status == 503 and not any(words in cell.text for words in SAYS_SO):
        return f"a 503 that does not say what it is: {_words(cell.text)}"
    if link == "ses" and cell.status == 503:
        return f"mail is nobody's reason to wait: {_words(cell.text)}"
    return ""


def _words(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page[page.find("<main") :]))[:300]


def balances(process: Process) -> None:
    """Aurora's books do at every moment; the others' agree with them once all under way has ended."""
    with process.stores().db.snapshot() as connection:
        found = [one for _, check in invariants.CHECKS for one in check(connection, "USD")]
    # Where a store hangs, a transaction may wait for it until its own bound.
    broken = [f"{one.invariant}: {one.message}" for one in found if one.invariant != "I14"]
    assert broken == []


def test_every_broken_wire_under_every_request(process: Process, stripe: str, mailbox: Mailbox) -> None:
    def run(pair: tuple[str, Fault]) -> list[tuple[str, Cell]]:
        link, fault = pair
        shop = WiredShop(process, stripe)
        try:
            cells = []
            for name in REQUESTS:
                cells.append((f"{link}, {fault}, {name}", shop.meet(link, fault, name)))
                if os.environ.get("FULL"):
                    balances(process)
            balances(process)
            return cells
        finally:
            shop.close()

    pairs = [(link, fault) for link in LINKS for fault in FAULTS]
    with ThreadPoolExecutor(8) as pool:
        cells = [cell for of_pair in pool.map(run, pairs) for cell in of_pair]
    found = [f"{where}: {why}" for where, cell in cells if (why := wrong(where.partition(",")[0], cell))]
    slowest = max(cells, key=lambda one: one[1].seconds)
    print(f"\n{len(cells)} cells; the slowest took {slowest[1].seconds:.1f} s: {slowest[0]}")
    assert found == [], "\n".join(found)
    assert len(cells) >= 400
    # What Stripe had to tell comes again, until it was heard.
    for (order_id,) in sql(process.stores(), "SELECT order_id FROM orders WHERE status = 'pending'"):
        with suppress(ShopError):
            settle(process, order_id)  # type: ignore[arg-type]  # a column of ids
    sql(process.stores(), "UPDATE orders SET claimed_until = NULL")
    work(process, rounds=3)
    assert_sound(process, stripe=True)
