"""Statements of the pages that are asked for most, sent by the driver itself.

SQLAlchemy's way from a text to its rows takes longer than PostgreSQL takes to answer. It still lends the
connection, hears of what is sent and is told what went wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import Connection, Engine, PoolProxiedConnection, Select, exc
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from storefront.repositories.aurora.connections import FAILED_OVER

Parameters = Mapping[str, object]

Found = list[Any]
"""Rows as the driver gives them; who reads them says what is in them."""

_DIALECT = PGDialect_psycopg()  # type: ignore[no-untyped-call]  # it has no types
_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")


class Prepared:
    """A statement put together once; each connection plans it once.

    Either a text, its parameters as ``:name``, or what SQLAlchemy makes of a ``select()`` whose parameters
    are ``bindparam(name)``: the types of its columns then go on making values of what the driver returns.
    """

    __slots__ = ("_given", "_processors", "sql")

    def __init__(self, statement: str | Select[*tuple[Any, ...]]) -> None:
        self._given: dict[str, object] = {}
        self._processors: list[tuple[int, Callable[..., object]]] = []
        if isinstance(statement, str):
            self.sql = _PARAMETER.sub(r"%(\1)s", statement.replace("%", "%%"))
            return
        compiled = statement.compile(dialect=_DIALECT)
        self.sql = str(compiled)
        # The driver would write an enum's name.
        self._given = {n: v.value if isinstance(v, StrEnum) else v for n, v in compiled.params.items()}
        for place, column in enumerate(statement.selected_columns):
            processor = column.type.dialect_impl(_DIALECT).result_processor(_DIALECT, None)
            if processor is not None:
                self._processors.append((place, processor))

    def parameters(self, given: Parameters | None) -> Parameters | None:
        """Those of the statement itself and those of this call."""
        return {**self._given, **(given or {})} if self._given else given

    def values(self, rows: Found) -> Found:
        """The driver's rows, with the values that the columns' types make of them."""
        if not self._processors:
            return rows
        found = []
        for row in rows:
            values = list(row)
            for place, processor in self._processors:
                values[place] = processor(values[place])
            found.append(type(row)._make(values))
        return found


def fetch(engine: Engine, statement: Prepared, parameters: Parameters | None) -> Found:
    """All rows of one statement, with their columns as attributes, on a connection in autocommit.

    Raises:
        DBAPIError: as SQLAlchemy would.
    """
    try:
        connection = engine.raw_connection()
    except psycopg.Error as error:
        raise _as_sqlalchemy(statement, error, lost=True) from error
    try:
        return _send(engine, connection, statement, parameters)
    finally:
        connection.close()


def fetch_within(connection: Connection, statement: Prepared, parameters: Parameters | None) -> Found:
    """The same in the connection's transaction."""
    return _send(connection.engine, connection.connection, statement, parameters)


def _send(
    engine: Engine, connection: PoolProxiedConnection, statement: Prepared, parameters: Parameters | None
) -> Found:
    driver = connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    # Whoever counts or watches statements hears of this one, too.
    engine.dispatch.before_cursor_execute(None, None, statement.sql, parameters, None, False)
    try:
        with driver.cursor(row_factory=namedtuple_row) as cursor:
            cursor.execute(statement.sql, statement.parameters(parameters), prepare=True)
            return statement.values(cursor.fetchall()) if cursor.description else []
    except psycopg.Error as error:
        lost = driver.closed or error.sqlstate in FAILED_OVER
        if lost:
            # With all that are as old as it, as SQLAlchemy does, which has no public name for this.
            engine.pool._invalidate(connection, error)  # noqa: SLF001
        raise _as_sqlalchemy(statement, error, lost=lost) from error


def _as_sqlalchemy(statement: Prepared, error: psycopg.Error, *, lost: bool) -> exc.DBAPIError:
    kind = exc.OperationalError if isinstance(error, psycopg.OperationalError) else exc.DBAPIError
    return kind(statement.sql, None, error, hide_parameters=True, connection_invalidated=lost)
