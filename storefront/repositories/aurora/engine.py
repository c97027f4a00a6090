"""Connections to Aurora, and this request's way to use them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar, TypeVarTuple, overload

import psycopg
from sqlalchemy import Connection, Engine, Executable, Row, create_engine, exc, text
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import TypedReturnsRows

from storefront import tracing
from storefront.config import Settings
from storefront.domain.errors import StoreUnavailable, TransactionLost
from storefront.repositories.aurora.connections import (
    CONNECT_SECONDS,
    FAILED_OVER,
    Overdue,
    lift_wait,
    opening,
    watch,
)
from storefront.repositories.aurora.outcomes import commit
from storefront.repositories.aurora.passwords import Password, password_of
from storefront.resilience.breaker import Breaker

DEADLOCK, SERIALIZATION = "40P01", "40001"
STATEMENT_ENDED = ("57014", "55P03")
"""query_canceled and lock_not_available: the server is well, the statement took too long."""
BEHIND_SECONDS = 3.0
"""How long a reader may take to have what the writer has, before reads leave it."""

Rows = Sequence[Row[*tuple[Any, ...]]]
"""What a text statement returns; ``records`` says what is in it."""
Parameters = Mapping[str, object]

Record = TypeVar("Record")
Columns = TypeVarTuple("Columns")


def records(record: Callable[..., Record], rows: Iterable[Row[*tuple[Any, ...]]]) -> list[Record]:
    """Rows of a text statement as typed records, whose fields are found by the names of the columns."""
    return [record(**row._asdict()) for row in rows]


def make_engine(
    url: str,
    settings: Settings,
    *,
    pool_size: int = 4,
    writes: bool = True,
    password: Password | None = None,
) -> Engine:
    """An engine whose every wait is bounded.

    ``tcp_user_timeout`` and ``statement_timeout`` bound what a dead network or a lock can take; the pool
    holds one connection a thread, since more make a hot row slower. One that ``writes`` refuses a server
    that doesn't: after a switchover the writer's name leads to the old one for a while.
    """
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=2,
        pool_recycle=1800,
        pool_use_lifo=True,
        # Parameters hold what shoppers typed; errors are logged.
        hide_parameters=True,
        connect_args={
            **tracing.cursors(),
            "connect_timeout": CONNECT_SECONDS,
            "target_session_attrs": "read-write" if writes else "any",
            "tcp_user_timeout": 4000,
            "keepalives_idle": 10,
            "application_name": f"storefront-{settings.env}",
            "options": "-c statement_timeout=4000 -c lock_timeout=3000"
            " -c idle_in_transaction_session_timeout=10000 -c timezone=UTC",
        },
    )
    watch(engine, password_of(settings) if password is None else password)
    return engine


def make_migration_engine(url: str, password: Password | None = None) -> Engine:
    """An engine without bounds on statements: rewriting a large table takes its time."""
    options = {"connect_timeout": 5, "options": "-c timezone=UTC"}
    engine = create_engine(url, pool_size=1, connect_args=options)
    opening(engine, password, psycopg.Connection)
    return engine


@dataclass(frozen=True)
class Engines:
    """The two doors to Aurora of one process; the reader may be the writer."""

    writer: Engine
    reader: Engine

    @classmethod
    def of(cls, settings: Settings, pool_size: int = 4) -> Engines:
        writer = make_engine(settings.sqlalchemy_url, settings, pool_size=pool_size)
        if settings.sqlalchemy_reader_url == settings.sqlalchemy_url:
            return cls(writer, writer)
        url = settings.sqlalchemy_reader_url
        return cls(writer, make_engine(url, settings, pool_size=pool_size, writes=False))

    @property
    def has_reader(self) -> bool:
        return self.reader is not self.writer

    @cached_property
    def reader_breaker(self) -> Breaker:
        return Breaker(
            "reader", lambda: StoreUnavailable("reader"), _reader_unavailable, probe=self.probe_reader
        )

    def probe_reader(self) -> None:
        """Look whether the reader answers, and soon has what the writer has at this moment.

        By transaction ids, which Aurora's readers and PostgreSQL's standbys tell alike.

        Raises:
            StoreUnavailable: it is away, or further behind than pages may be.
        """
        written = 0
        # Without the writer nobody can tell who is behind, and it is the reader that the pages need.
        with suppress(StoreUnavailable):
            written = _next_transaction(self.writer)
        behind_at = time.monotonic() + BEHIND_SECONDS
        while _next_transaction(self.reader) < written:
            if time.monotonic() > behind_at:
                raise StoreUnavailable("reader")
            time.sleep(0.1)

    def watch_reader(self) -> None:
        """Look at the reader, and keep reads from it or let them go there again."""
        try:
            self.probe_reader()
        except StoreUnavailable:
            self.reader_breaker.open()
        else:
            self.reader_breaker.close()

    def dispose(self) -> None:
        self.writer.dispose()
        self.reader.dispose()


def _next_transaction(engine: Engine) -> int:
    (row,) = _read(
        _autocommit(engine), text("SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS next"), None
    )
    return int(row.next)


def _reader_unavailable(error: BaseException) -> bool:
    """Whether a failed read tells that the reader is unavailable; a slow statement doesn't."""
    return isinstance(error, StoreUnavailable) and error.code not in STATEMENT_ENDED


class Database:
    """One unit's use of Aurora: plain reads, and at most one transaction at a time.

    Reads outside a transaction run on an AUTOCOMMIT connection, one statement each and given back at
    once, so that a thread never holds one connection while it waits for another.
    """

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._writer = _autocommit(engines.writer)
        self._reader = _autocommit(engines.reader)
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        """The open transaction's session. Writing outside of one is a mistake in the code."""
        if self._session is None:
            raise RuntimeError("this writes, so it must run inside stores.transaction()")
        return self._session

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        if self._session is not None:
            raise RuntimeError("a transaction is open already; they do not nest")
        with driver_errors(), Session(self._engines.writer, expire_on_commit=False) as session:
            self._session = session
            try:
                yield session
                commit(session, self._engines.writer)
            finally:
                self._session = None

    @overload
    def rows(
        self, statement: TypedReturnsRows[*Columns], parameters: Parameters | None = None
    ) -> Sequence[Row[*Columns]]: ...

    @overload
    def rows(self, statement: Executable, parameters: Parameters | None = None) -> Rows: ...

    def rows(self, statement: Executable, parameters: Parameters | None = None) -> Rows:
        """All rows, read in the open transaction, else on the writer."""
        if self._session is not None:
            with driver_errors():
                return self._session.execute(statement, parameters).all()
        return _read(self._writer, statement, parameters)

    @overload
    def catalogue(
        self, statement: TypedReturnsRows[*Columns], parameters: Parameters | None = None
    ) -> Sequence[Row[*Columns]]: ...

    @overload
    def catalogue(self, statement: Executable, parameters: Parameters | None = None) -> Rows: ...

    def catalogue(self, statement: Executable, parameters: Parameters | None = None) -> Rows:
        """All rows of a read that may be a moment old: from an Aurora reader where one is set and well."""
        if self._engines.has_reader:
            try:
                with self._engines.reader_breaker.call():
                    return _read(self._reader, statement, parameters)
            except StoreUnavailable as error:
                # What was too slow there would be as slow on the writer, and in everybody's way.
                if not _reader_unavailable(error):
                    raise
        return _read(self._writer, statement, parameters)

    def maintain(self, statement: Executable) -> None:
        """Run a statement that stands outside of transactions and may take its time, such as VACUUM."""
        with driver_errors(), self._writer.connect() as connection:
            connection.execute(text("SET statement_timeout = 0"))
            lift_wait(connection)
            try:
                connection.execute(statement)
            finally:
                connection.execute(text("RESET statement_timeout"))

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A read-only REPEATABLE READ transaction: everything read in it is from one moment."""
        engine = self._engines.writer.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        with driver_errors(), engine.connect() as connection, connection.begin():
            yield connection


def _autocommit(engine: Engine) -> Engine:
    return engine.execution_options(isolation_level="AUTOCOMMIT")


def _read(engine: Engine, statement: Executable, parameters: Parameters | None) -> Rows:
    for last in (False, True):
        try:
            with driver_errors(), engine.connect() as connection:
                return connection.execute(statement, parameters).all()
        except TransactionLost:
            # A pooled connection that the last failover killed: a read is safe to send again, once.
            if last:
                raise
    raise AssertionError("unreachable")


@contextmanager
def driver_errors() -> Iterator[None]:
    """Turn what the driver says about connections, locks and pools into the shop's words.

    Raises:
        TransactionLost: the connection ended or a lock cycle was broken; nothing of it stands. Of a COMMIT
            whose fate nobody can tell ``commit`` raises CommitUnknown.
        StoreUnavailable: no connection in time, or a statement ran past its bound.
    """
    try:
        yield
    except exc.TimeoutError:
        raise StoreUnavailable("aurora", "pool") from None
    except exc.DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None) or ""
        if isinstance(error.orig, Overdue):
            # Whoever hangs would hang again, so it isn't repeated at once.
            raise StoreUnavailable("aurora", "overdue") from error
        if error.connection_invalidated or state in (DEADLOCK, SERIALIZATION, *FAILED_OVER):
            raise TransactionLost("aurora", state) from error
        if isinstance(error, exc.OperationalError):
            raise StoreUnavailable("aurora", state) from error
        raise
