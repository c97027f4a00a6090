"""What the migrations make is what the classes describe."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from storefront.cli.migrate import migrate_aurora
from storefront.config import Settings
from storefront.domain.schema import metadata


def test_migrated_tables_are_those_of_the_mapped_classes(database_url: str) -> None:
    engine = create_engine(Settings(database_url=database_url).sqlalchemy_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_migrating_again_changes_nothing(database_url: str) -> None:
    migrate_aurora(Settings(database_url=database_url).sqlalchemy_url)
