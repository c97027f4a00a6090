"""Shops for the audit to look at. Their books are broken on purpose, so no audit follows each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import create_engine, text

from storefront.config import Settings
from storefront.domain.schema import metadata
from storefront.process import Process
from tests.support.audited_shop import AuditedShop, DropConstraint, Shelf, opened


@pytest.fixture
def without(database_url: str) -> Iterator[DropConstraint]:
    """Takes a constraint away, and puts it back on empty tables."""
    engine = create_engine(Settings(database_url=database_url).sqlalchemy_url)
    with ExitStack() as restore, engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:

        def drop(table: str, constraint: str) -> None:
            found = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = :name"
            definition = db.execute(text(found), {"name": constraint}).scalar_one()
            db.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}"))
            add = text(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {definition}")
            restore.callback(db.execute, add)

        yield drop
        # All but the shop's own row, which it has as long as its database is there.
        db.execute(text(f"TRUNCATE {', '.join(name for name in metadata.tables if name != 'shop')}"))
        restore.close()
    engine.dispose()


@pytest.fixture(scope="module")
def shelf(database_url: str) -> Iterator[Shelf]:
    made = Shelf(database_url)
    yield made
    made.clear()


@pytest.fixture
def shop(process: Process, shelf: Shelf) -> AuditedShop:
    """An open shop. What DynamoDB has of its orders must be left as it is: use ``opened`` otherwise."""
    if not shelf.ids:
        shelf.keep(opened(process).ids)
    else:
        shelf.bring_back()
    return AuditedShop(process.stores(), shelf.ids)
