"""One unit of work's way to Aurora."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVarTuple, cast, overload

from sqlalchemy import Connection, Executable, Row, text
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import TypedReturnsRows

from storefront.domain.errors import StoreUnavailable
from storefront.repositories.aurora.connections import lift_wait
from storefront.repositories.aurora.engine import Engines, reader_unavailable
from storefront.repositories.aurora.outcomes import commit
from storefront.repositories.aurora.prepared import Parameters, Prepared, fetch_within
from storefront.repositories.aurora.reading import Rows, driver_errors, read

Columns = TypeVarTuple("Columns")


class Database:
    """One unit's use of Aurora: plain reads, and at most one transaction at a time.

    Reads outside a transaction run on an AUTOCOMMIT connection, one statement each and given back at
    once, so that a thread never holds one connection while it waits for another.
    """

    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._connection: Connection | None = None
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        """The open transaction's session. Writing outside of one is a mistake in the code."""
        if self._session is None:
            # It commits what the connection began: nobody else does.
            self._session = Session(
                self._in_transaction(), expire_on_commit=False, join_transaction_mode="control_fully"
            )
        return self._session

    def write(self, statement: Prepared, parameters: Parameters | None = None) -> Rows:
        """What a prepared statement returns, in the open transaction; ``session`` knows nothing of it."""
        with driver_errors():
            return cast(Rows, fetch_within(self._in_transaction(), statement, parameters))

    def _in_transaction(self) -> Connection:
        if self._connection is None:
            raise RuntimeError("this writes, so it must run inside stores.transaction()")
        return self._connection

    @contextmanager
    def transaction(self) -> Iterator[None]:
        if self._connection is not None:
            raise RuntimeError("a transaction is open already; they do not nest")
        with driver_errors(), self._engines.transactions.connect() as connection:
            connection.begin()
            self._connection = connection
            try:
                yield
                commit(self._session or connection, self._engines.writer)
            finally:
                if self._session is not None:
                    self._session.close()
                self._connection = self._session = None

    @overload
    def rows(
        self, statement: TypedReturnsRows[*Columns], parameters: Parameters | None = None
    ) -> Sequence[Row[*Columns]]: ...

    @overload
    def rows(self, statement: Executable | Prepared, parameters: Parameters | None = None) -> Rows: ...

    def rows(self, statement: Executable | Prepared, parameters: Parameters | None = None) -> Rows:
        """All rows, read in the open transaction, else on the writer."""
        if self._connection is not None:
            if isinstance(statement, Prepared):
                if self._session is not None:
                    self._session.flush()
                return self.write(statement, parameters)
            with driver_errors():
                return self.session.execute(statement, parameters).all()
        return read(self._engines.writer, statement, parameters)

    @overload
    def catalogue(
        self, statement: TypedReturnsRows[*Columns], parameters: Parameters | None = None
    ) -> Sequence[Row[*Columns]]: ...

    @overload
    def catalogue(self, statement: Executable | Prepared, parameters: Parameters | None = None) -> Rows: ...

    def catalogue(self, statement: Executable | Prepared, parameters: Parameters | None = None) -> Rows:
        """All rows of a read that may be a moment old: from an Aurora reader where one is set and well."""
        if self._engines.has_reader:
            try:
                with self._engines.reader_breaker.call():
                    return read(self._engines.reader, statement, parameters)
            except StoreUnavailable as error:
                # What was too slow there would be as slow on the writer, and in everybody's way.
                if not reader_unavailable(error):
                    raise
        return read(self._engines.writer, statement, parameters)

    def maintain(self, statement: Executable) -> None:
        """Run a statement that stands outside of transactions and may take its time, such as VACUUM."""
        with driver_errors(), self._engines.writer.connect() as connection:
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
