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
from sqlalchemy import Engine, exc

from storefront.repositories.aurora.connections import FAILED_OVER

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)")


class Prepared:
    """A statement put together once, its parameters as ``:name``; each connection plans it once."""

    __slots__ = ("sql",)

    def __init__(self, statement: str) -> None:
        self.sql = _PARAMETER.sub(r"%(\1)s", statement.replace("%", "%%"))


def fetch(engine: Engine, statement: Prepared, parameters: Mapping[str, object] | None) -> list[Any]:
    """All rows of one statement, with their columns as attributes, on a connection in autocommit.

    Raises:
        DBAPIError: as SQLAlchemy would.
    """
    connection = None
    try:
        connection = engine.raw_connection()
        driver = connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        engine.dispatch.before_cursor_execute(None, None, statement.sql, parameters, None, False)
        with driver.cursor(row_factory=namedtuple_row) as cursor:
            return cursor.execute(statement.sql, parameters, prepare=True).fetchall()
    except psycopg.Error as error:
        lost = connection is None or driver.closed or error.sqlstate in FAILED_OVER
        if connection is not None and lost:
            connection.invalidate(error)
        kind = exc.OperationalError if isinstance(error, psycopg.OperationalError) else exc.DBAPIError
        raise kind(
            statement.sql, None, error, hide_parameters=True, connection_invalidated=bool(lost)
        ) from error
    finally:
        if connection is not None:
            connection.close()
