"""Transactions that wait for something outside the database (I14)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import Connection, text

from storefront.audit.finding import Finding
from storefront.repositories.aurora.reading import records

LONGEST_REQUEST = 5.0
"""Seconds (I14)."""

_IDLE = text("""
    SELECT pid, extract(epoch FROM clock_timestamp() - state_change)::float AS seconds
      FROM pg_stat_activity
     WHERE datname = current_database() AND application_name LIKE 'storefront-%'
       AND state LIKE 'idle in transaction%' AND pid <> pg_backend_pid()
       AND state_change < clock_timestamp() - :bound * interval '1 second'
""")


class Idle(NamedTuple):
    """A connection in a transaction that has had no statement for so many ``seconds``."""

    pid: int
    seconds: float


def check_transactions(
    connection: Connection, _currency: str, longest: float = LONGEST_REQUEST
) -> Iterator[Finding]:
    """I14: none is open for longer than a request may take without doing anything."""
    for row in records(Idle, connection.execute(_IDLE, {"bound": longest})):
        yield Finding(
            "I14",
            f"A transaction has been open for {row.seconds:.0f} s without doing anything "
            f"(connection {row.pid})",
            advice="Something waits inside a transaction. The database ends it after 10 s; report it.",
        )
