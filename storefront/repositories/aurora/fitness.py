"""Whether Aurora can be worked with: writable, and of at least this version's schema."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sqlalchemy import Engine, exc, text

from storefront.config import Settings
from storefront.repositories.aurora.engine import make_engine
from storefront.resilience.readiness import Reason, Unfit

VERSIONS = Path(__file__).parents[2] / "migrations" / "versions"


@cache
def schema_needed() -> int:
    """The number of this version's last migration: their names begin with it."""
    return max(int(path.name.partition("_")[0]) for path in VERSIONS.glob("[0-9]*_*.py"))


class Fitness:
    """Looks by a connection of its own, so that it waits for nobody's transaction."""

    def __init__(self, settings: Settings, needed: int | None = None) -> None:
        self._needed = schema_needed() if needed is None else needed
        # It takes a server that doesn't write, to be able to say so.
        self._engine: Engine = make_engine(settings.sqlalchemy_url, settings, pool_size=1, writes=False)

    def check(self) -> None:
        """Raises:
        Unfit: it takes no writes, or its schema is older than ours; a newer one is fine, since
            migrations only add what the version before does not know.
        sqlalchemy.exc.SQLAlchemyError: it does not answer.
        """
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            writable = "SELECT NOT (pg_is_in_recovery() OR current_setting('transaction_read_only')::bool)"
            if not connection.execute(text(writable)).scalar_one():
                # The next look is by a fresh connection: the name may lead to the new writer by then.
                connection.invalidate()
                raise Unfit(Reason.READ_ONLY)
            try:
                version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            except exc.ProgrammingError:
                raise Unfit(Reason.SCHEMA) from None
        if int(str(version or 0).partition("_")[0]) < self._needed:
            raise Unfit(Reason.SCHEMA)

    def dispose(self) -> None:
        self._engine.dispose()
