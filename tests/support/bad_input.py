"""What must hold whatever is sent: no failure, no trace, and nothing of anybody's order changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from flask import Flask
from sqlalchemy import text

from storefront.stores import Stores
from tests.support.client import new_browser
from tests.support.strangers import Request, Strangers

KEPT = ("orders", "order_events", "payments", "stock", "products", "refunds", "parcels", "parcel_lines")
"""What no stranger's request may change."""
TRACES = ("Traceback", "sqlalchemy", "psycopg", "botocore", "werkzeug.", 'File "/')


def fingerprint(stores: Stores, tables: Sequence[str] = KEPT) -> str:
    """Changes with any row of these tables."""
    rows = [
        stores.db.rows(
            text(f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {name} t")
        )
        for name in tables
    ]
    return "".join(str(row[0][0]) for row in rows)


def send(
    app: Flask, stores: Stores, strangers: Strangers, count: int, *, look_every: int = 50
) -> Counter[int]:
    """Send so many, each from an address of its own; how often each status came back."""
    before, seen = fingerprint(stores), Counter[int]()
    since: list[Request] = []
    for number, request in enumerate(strangers.requests(count), 1):
        browser = new_browser(app)
        answer = browser.open(request.path, **request.arguments())
        seen[answer.status_code] += 1
        told = answer.get_data()[:20_000].decode("utf-8", "replace")
        assert answer.status_code < 500, f"{answer.status_code}: {request}\n{told[:2000]}"
        assert not [trace for trace in TRACES if trace in told], f"a trace: {request}\n{told[:2000]}"
        since.append(request)
        if number % look_every == 0 or number == count:
            assert fingerprint(stores) == before, "changed by one of:\n" + "\n".join(map(str, since))
            since.clear()
    return seen
