"""Statements of the pages that are asked for most, sent by the driver itself.

SQLAlchemy's way from a text to its rows takes longer than PostgreSQL takes to answer. It still lends the
connection, hears of what is sent and is told what went wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import Connection, Engine, PoolProxiedConnection, exc

from storefront.repositories.aurora.connections import FAILED_OVER

Parameters = Mapping[str, object]

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")


class Prepared:
    """A statement put together once, its parameters as ``:name``; each connection plans it once."""

    __slots__ = ("sql",)

    def __init__(self, statement: str) -> None:
        self.sql = _PARAMETER.sub(r"%(\1)s", statement.replace("%", "%%"))


def fetch(engine: Engine, statement: Prepared, parameters: Parameters | None) -> list[Any]:
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


def fetch_within(connection: Connection, statement: Prepared, parameters: Parameters | None) -> list[Any]:
    """The same in the connection's transaction."""
    return _send(connection.engine, connection.connection, statement, parameters)


def _send(
    engine: Engine, connection: PoolProxiedConnection, statement: Prepared, parameters: Parameters | None
) -> list[Any]:
    driver = connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    # Whoever counts or watches statements hears of this one, too.
    engine.dispatch.before_cursor_execute(None, None, statement.sql, parameters, None, False)
    try:
        with driver.cursor(row_factory=namedtuple_row) as cursor:
            cursor.execute(statement.sql, parameters, prepare=True)
            return cursor.fetchall() if cursor.description else []
    except psycopg.Error as error:
        lost = driver.closed or error.sqlstate in FAILED_OVER
        if lost:
            connection.invalidate(error)
        raise _as_sqlalchemy(statement, error, lost=lost) from error


def _as_sqlalchemy(statement: Prepared, error: psycopg.Error, *, lost: bool) -> exc.DBAPIError:
    kind = exc.OperationalError if isinstance(error, psycopg.OperationalError) else exc.DBAPIError
    return kind(statement.sql, None, error, hide_parameters=True, connection_invalidated=lost)
