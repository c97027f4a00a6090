"""Looks into Aurora and changes of it by SQL, where the shop itself has no way to what a test wants."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy import Engine, event, text

from storefront.stores import Stores


def sql(stores: Stores, statement: str, **values: object) -> list[tuple[object, ...]]:
    """One statement in a transaction of its own; the rows it returns, if it returns any."""
    with stores.transaction():
        result = stores.db.session.connection().execute(text(statement), values)
        return [tuple(row) for row in result] if result.returns_rows else []


def plant(stores: Stores, statement: str, **values: object) -> None:
    """Break the shop's books by a statement, which must find something to break."""
    with stores.transaction():
        changed = stores.db.session.connection().execute(text(statement), values)
        assert changed.rowcount, "nothing was planted"


def count(stores: Stores, table: str) -> int:
    """How many rows a table has."""
    return int(stores.db.rows(text(f"SELECT count(*) FROM {table}"))[0][0])


@contextmanager
def statements_of(engine: Engine) -> Iterator[list[str]]:
    """The SQL that is sent by an engine meanwhile, as it goes."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)


@contextmanager
def read_only_database(url: str) -> Iterator[str]:
    """The URL of an empty database beside that of ``url``, which takes no writes."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE demoted")
        admin.execute("ALTER DATABASE demoted SET default_transaction_read_only = on")
        try:
            yield url.replace("/storefront?", "/demoted?")
        finally:
            admin.execute("DROP DATABASE demoted WITH (FORCE)")


def somebody_waits(stores: Stores) -> bool:
    return bool(
        stores.db.rows(
            text(
                "SELECT 1 FROM pg_stat_activity"
                " WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
        )
    )
