"""Connections to Aurora: how they are made, and the two doors of a process."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import psycopg
from sqlalchemy import Engine, create_engine, text

from storefront import tracing
from storefront.config import Settings
from storefront.domain.errors import StoreUnavailable
from storefront.repositories.aurora.connections import CONNECT_SECONDS, opening, watch
from storefront.repositories.aurora.passwords import Password, password_of
from storefront.repositories.aurora.reading import STATEMENT_ENDED, read
from storefront.resilience.breaker import Breaker

BEHIND_SECONDS = 3.0
"""How long a reader may take to have what the writer has, before reads leave it."""


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
        # Most that is asked is one statement; units of work say that they want a transaction.
        isolation_level="AUTOCOMMIT",
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=2,
        pool_recycle=1800,
        pool_use_lifo=True,
        # There is no such column, and asking for its type takes a transaction on every new connection.
        use_native_hstore=False,
        # Who began a transaction has ended it: there is nothing to roll back at a connection's return.
        pool_reset_on_return=None,
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
    def transactions(self) -> Engine:
        """The writer's connections, for units of work."""
        return self.writer.execution_options(isolation_level="READ COMMITTED")

    @cached_property
    def reader_breaker(self) -> Breaker:
        return Breaker(
            "reader", lambda: StoreUnavailable("reader"), reader_unavailable, probe=self.probe_reader
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
    (row,) = read(engine, text("SELECT pg_snapshot_xmax(pg_current_snapshot())::text AS next"), None)
    return int(row.next)


def reader_unavailable(error: BaseException) -> bool:
    """Whether a failed read tells that the reader is unavailable; a slow statement doesn't."""
    return isinstance(error, StoreUnavailable) and error.code not in STATEMENT_ENDED
