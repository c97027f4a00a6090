"""``storefront migrate``: bring both databases to the shape this version needs. Safe to repeat."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import text

from storefront.cli.context import Context
from storefront.config import Settings
from storefront.repositories.aurora.engine import make_migration_engine
from storefront.repositories.aurora.fitness import Fitness
from storefront.repositories.aurora.passwords import Password, password_of
from storefront.repositories.aurora.reading import driver_errors
from storefront.repositories.dynamodb.client import DynamoDB
from storefront.repositories.dynamodb.tables import make_tables, missing_tables
from storefront.resilience.readiness import Reason, Unfit

MIGRATIONS = Path(__file__).parents[1] / "migrations"
_LOCK = 7_302_185
LOCK_SECONDS = 3
"""For a lock of one table; a migration that does not get it fails, and can be run again."""


def migrate(settings: Settings) -> None:
    """Run what is missing of the migrations, and make the DynamoDB tables that are missing.

    Of several that migrate at once, one works and the others wait for it.
    """
    migrate_aurora(settings.sqlalchemy_url, password_of(settings))
    for table in make_tables(DynamoDB(settings), protected=settings.production):
        print(f"made DynamoDB table {table}", file=sys.stderr)


def migrate_aurora(url: str, password: Password | None = None) -> None:
    engine = make_migration_engine(url, password)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with driver_errors(), engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
        connection.commit()
        try:
            # Whoever comes after it in a lock's queue waits as well, so it does not wait long itself.
            connection.execute(text(f"SET lock_timeout = '{LOCK_SECONDS}s'"))
            connection.commit()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": _LOCK})
            connection.commit()
    engine.dispose()


def behind(settings: Settings) -> list[str]:
    """What is missing for this version, each in a sentence; changes nothing.

    Raises:
        Conflict, StoreUnavailable: a store can't be worked with.
    """
    fitness, found = Fitness(settings), []
    try:
        with driver_errors():
            fitness.check()
    except Unfit as unfit:
        found.append(_UNFIT.get(unfit.reason, f"Aurora is {unfit.reason}"))
    finally:
        fitness.dispose()
    return [*found, *(f"the DynamoDB table {name} is missing" for name in missing_tables(DynamoDB(settings)))]


_UNFIT = {
    Reason.SCHEMA: "Aurora's schema is older than this version: run storefront migrate",
    Reason.READ_ONLY: "Aurora takes no writes: this is a reader, or a writer that was demoted",
}


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("migrate", help="bring both databases to the shape this version needs")
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit 1 and say what is missing, if anything is"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, context: Context) -> int:
    if args.check:
        missing = behind(context.settings)
        for one in missing:
            print(one)
        if not missing:
            print("Both databases are as this version needs them.")
        return 1 if missing else 0
    migrate(context.settings)
    print("Both databases are up to date.")
    return 0
