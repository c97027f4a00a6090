"""What the migrations make is what the classes describe."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from storefront.cli.migrate import migrate_aurora
from storefront.config import Settings
from storefront.domain.orders import EventKind
from storefront.domain.schema import metadata
from storefront.stores import Stores
from tests.support.database import sql


def test_migrated_tables_are_those_of_the_mapped_classes(database_url: str) -> None:
    engine = create_engine(Settings(database_url=database_url).sqlalchemy_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_check_of_events_takes_every_kind(stores: Stores) -> None:
    """Each migration that adds a kind writes the whole list, so two made side by side can lose one."""
    ((check,),) = sql(
        stores,
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'order_events_kind_check'",
    )
    assert [kind for kind in EventKind if f"'{kind}'" not in str(check)] == []


def test_migrating_again_changes_nothing(database_url: str) -> None:
    migrate_aurora(Settings(database_url=database_url).sqlalchemy_url)
