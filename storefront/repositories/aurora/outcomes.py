"""What became of a COMMIT whose acknowledgement was lost: the server is asked by the transaction's id.

A connection that ends while COMMIT is under way leaves open whether the transaction stands. Run again, work
that is not repeatable would have its effect twice (one unit more in a cart); not run again, it may have none.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import NamedTuple

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, Engine, exc, text
from sqlalchemy.orm import Session

from storefront.domain.errors import CommitUnknown
from storefront.repositories.aurora.prepared import Prepared, fetch_within

ASK_SECONDS = 1.5
"""How long a server is asked. Less than what is left of a request's time after a lost connection."""
PAUSE = 0.05
IN_THE_FUTURE = "22023"
"""What the server says of a transaction id that it has not given away yet."""


class Mark(NamedTuple):
    """By what a transaction is found again: its id, the process it ran in, and when its server started.

    Ids count per run of a server: another one, or the same after a crash, may have given the id of a
    transaction that it never heard of to somebody else.
    """

    id: str
    pid: int
    started: datetime


_MARK = Prepared("""
    SELECT pg_current_xact_id_if_assigned()::text AS id, pg_backend_pid() AS pid,
           pg_postmaster_start_time() AS started
""")
_STATUS = text("SELECT pg_postmaster_start_time() = :started, pg_xact_status(CAST(:id AS xid8))")
_END = text("SELECT pg_terminate_backend(:pid)")


def commit(unit: Session | Connection, engine: Engine) -> None:
    """Commit a transaction; returns only if it stands.

    Raises:
        DBAPIError: it does not stand.
        CommitUnknown: the acknowledgement was lost, and so was whoever could tell.
    """
    if isinstance(unit, Session):
        unit.flush()
    mark = _mark(unit.connection() if isinstance(unit, Session) else unit)
    try:
        unit.commit()
    except exc.DBAPIError as error:
        if mark is None or not error.connection_invalidated or not _stands(engine, mark):
            raise


def _mark(connection: Connection) -> Mark | None:
    """None if nothing was written, so that nothing can be lost."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    if driver.info.transaction_status == TransactionStatus.IDLE:
        return None
    (row,) = fetch_within(connection, _MARK, None)
    return Mark(**row._asdict()) if row.id is not None else None


def _stands(engine: Engine, mark: Mark) -> bool:
    until = time.monotonic() + ASK_SECONDS
    while time.monotonic() < until:
        status = _status(engine, mark)
        if status in ("committed", "aborted"):
            return status == "committed"
        time.sleep(PAUSE)
    raise CommitUnknown


def _status(engine: Engine, mark: Mark) -> str | None:
    """``committed`` or ``aborted``; None if it can't be told, or not yet.

    Raises:
        CommitUnknown: this is another server than the one that was to commit.
    """
    try:
        with engine.connect() as connection:
            same, status = connection.execute(_STATUS, {"started": mark.started, "id": mark.id}).one()
            if not same:
                raise CommitUnknown
            if status == "in progress":
                # It waits for a COMMIT that never came, or is about to be done with it: either ends now.
                connection.execute(_END, {"pid": mark.pid})
            return str(status)
    except exc.TimeoutError:
        return None
    except exc.DBAPIError as error:
        return "aborted" if getattr(error.orig, "sqlstate", None) == IN_THE_FUTURE else None
