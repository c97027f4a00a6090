"""Connections to Aurora, and this request's way to use them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Executable, Row, create_engine, exc, text
from sqlalchemy.orm import Session

from storefront.config import Settings
from storefront.domain.errors import StoreUnavailable, TransactionLost

DEADLOCK, SERIALIZATION = "40P01", "40001"
FAILED_OVER = ("57P01", "57P02", "57P03", "25006")
"""admin_shutdown, crash_shutdown, cannot_connect_now, and a write that met the old writer."""


def make_engine(url: str, settings: Settings, *, pool_size: int = 4) -> Engine:
    """An engine whose every wait is bounded.

    ``tcp_user_timeout`` and ``statement_timeout`` bound what a dead network or a lock can take; the pool
    holds one connection a thread, since more make a hot row slower.
    """
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=2,
        pool_recycle=1800,
        pool_use_lifo=True,
        # Parameters hold what shoppers typed; errors are logged.
        hide_parameters=True,
        connect_args={
            "connect_timeout": 2,
            "tcp_user_timeout": 4000,
            "keepalives_idle": 10,
            "application_name": f"storefront-{settings.env}",
            "options": "-c statement_timeout=4000 -c lock_timeout=3000"
            " -c idle_in_transaction_session_timeout=10000 -c timezone=UTC",
        },
    )


def make_migration_engine(url: str) -> Engine:
    """An engine without bounds on statements: rewriting a large table takes its time."""
    return create_engine(url, pool_size=1, connect_args={"connect_timeout": 5, "options": "-c timezone=UTC"})


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
        return cls(writer, make_engine(settings.sqlalchemy_reader_url, settings, pool_size=pool_size))

    def dispose(self) -> None:
        self.writer.dispose()
        self.reader.dispose()


class Database:
    """One unit's use of Aurora: plain reads, and at most one transaction at a time.

    Reads outside a transaction run on an AUTOCOMMIT connection, one statement each and given back at
    once, so that a thread never holds one connection while it waits for another.
    """

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._writer = engines.writer.execution_options(isolation_level="AUTOCOMMIT")
        self._reader = engines.reader.execution_options(isolation_level="AUTOCOMMIT")
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
                session.commit()
            finally:
                self._session = None

    def rows(self, statement: Executable, parameters: Any = None) -> Sequence[Row[*tuple[Any, ...]]]:
        """All rows, read in the open transaction, else on the writer."""
        if self._session is not None:
            with driver_errors():
                return self._session.execute(statement, parameters).all()
        return _read(self._writer, statement, parameters)

    def catalogue(self, statement: Executable, parameters: Any = None) -> Sequence[Row[*tuple[Any, ...]]]:
        """All rows of a read that may be a moment old, taken from an Aurora reader where one is set."""
        return _read(self._reader, statement, parameters)

    def maintain(self, statement: Executable) -> None:
        """Run a statement that stands outside of transactions and may take its time, such as VACUUM."""
        with driver_errors(), self._writer.connect() as connection:
            connection.execute(text("SET statement_timeout = 0"))
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


def _read(engine: Engine, statement: Executable, parameters: Any) -> Sequence[Row[*tuple[Any, ...]]]:
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
        TransactionLost: the connection ended or a lock cycle was broken; nothing of it stands, unless
            the COMMIT itself was cut off, so repeat by key.
        StoreUnavailable: no connection in time, or a statement ran past its bound.
    """
    try:
        yield
    except exc.TimeoutError:
        raise StoreUnavailable("aurora") from None
    except exc.DBAPIError as error:
        state = getattr(error.orig, "sqlstate", None)
        if error.connection_invalidated or state in (DEADLOCK, SERIALIZATION, *FAILED_OVER):
            raise TransactionLost("aurora") from error
        if isinstance(error, exc.OperationalError):
            raise StoreUnavailable("aurora") from error
        raise
