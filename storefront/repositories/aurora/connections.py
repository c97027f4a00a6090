"""Single connections to Aurora: judged by what they are, and never waited for without end."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.rows import TupleRow
from sqlalchemy import Connection, Engine, ExceptionContext, event, text

from storefront.repositories.aurora.passwords import Password
from storefront.resilience import budget

FAILED_OVER = ("57P01", "57P02", "57P03", "25006")
"""admin_shutdown, crash_shutdown, cannot_connect_now, and a write that met the old writer."""

CONNECT_SECONDS = 2
"""libpq's least."""
WAIT_SECONDS = 6.0
"""For one answer of the server. Longer than its own ``statement_timeout``: who ends a statement itself says
so, and its connection can go on."""


class Overdue(psycopg.OperationalError):
    """The server did not answer in time; what became of the statement is unknown."""


class BoundedConnection(psycopg.Connection[TupleRow]):
    """Ends itself when an answer is overdue.

    Neither ``statement_timeout`` nor ``tcp_user_timeout`` helps against a peer that takes everything and
    answers nothing: its TCP acknowledges, and a COMMIT has no bound at all.
    """

    bound: float | None = WAIT_SECONDS
    """Seconds for one answer, besides the request's budget; None where a statement may take its time."""

    def wait(self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        if timeout is None:
            timeout = budget.left() if self.bound is None else budget.bounded(self.bound)
        try:
            return super().wait(gen, interval, timeout)
        except psycopg.errors._WaitTimeout:  # noqa: SLF001 - what wait raises has no other name
            self.pgconn.finish()
            raise Overdue("the server did not answer in time") from None


def watch(engine: Engine, password: Password | None = None) -> None:
    """Make the engine's connections bounded, and have it throw away those that a failover has spoilt."""
    opening(engine, password, BoundedConnection)
    event.listen(engine, "handle_error", judge)
    event.listen(engine, "checkin", _bounds_back)


def opening(engine: Engine, password: Password | None, kind: type[psycopg.Connection[TupleRow]]) -> None:
    """Have the engine open connections of this kind, with this password if it is not in the URL.

    One that was refused is fetched anew, once: it may have been changed since.
    """

    def connect(_dialect: object, _record: object, arguments: list[Any], options: dict[str, Any]) -> Any:
        if not budget.allows(CONNECT_SECONDS):
            raise Overdue("no time is left to connect")
        if password is None:
            return kind.connect(*arguments, **options)
        try:
            return kind.connect(*arguments, **options | {"password": password.current()})
        except psycopg.OperationalError as refused:
            if not _is_refusal(refused):
                raise
        return kind.connect(*arguments, **options | {"password": password.renew()})

    event.listen(engine, "do_connect", connect)


def _is_refusal(error: psycopg.OperationalError) -> bool:
    """Whether it was the password; libpq gives no code for what happens before a connection is open."""
    return error.sqlstate == "28P01" or "password authentication failed" in str(error)


def judge(context: ExceptionContext) -> None:
    """For SQLAlchemy's ``handle_error``: a connection to a server that is no writer any more is a lost one.

    SQLAlchemy itself knows only closed connections. One that had become read-only would go back to the pool
    and fail every write until it was recycled; all that are as old as it are thrown away with it.
    """
    connection = context.connection
    if connection is not None and connection.get_execution_options().get("postgresql_readonly"):
        # It was to be read-only, so that a write there is a mistake in the code.
        return
    if getattr(context.original_exception, "sqlstate", None) in FAILED_OVER:
        context.is_disconnect = True


def lift_bounds(connection: Connection) -> None:
    """Let this transaction's statements take their time."""
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    lift_wait(connection)


def lift_wait(connection: Connection) -> None:
    """Wait for this connection's answers as long as they take, until it goes back to its pool."""
    driver = connection.connection.driver_connection
    if isinstance(driver, BoundedConnection):
        driver.bound = None


def _bounds_back(connection: object, _record: object) -> None:
    if isinstance(connection, BoundedConnection):
        connection.bound = WAIT_SECONDS
