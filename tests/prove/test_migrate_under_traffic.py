"""A filled database goes from the schema before to the present one while the former version serves."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from storefront.cli.migrate import LOCK_SECONDS, migrate_aurora
from storefront.config import Settings
from storefront.domain.errors import StoreUnavailable
from storefront.repositories.aurora.fitness import schema_needed
from tests.support import former

pytestmark = [pytest.mark.prove, pytest.mark.alone]

SLOWEST = 2.0
"""Seconds; a page may take five in all, and has more to do than wait for one statement."""


@pytest.fixture
def url(database_url: str) -> Iterator[str]:
    with former.database(database_url, "former") as made:
        yield made


def migrate(url: str) -> None:
    migrate_aurora(Settings(database_url=url).sqlalchemy_url)


def version(url: str) -> int:
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    assert found
    return int(found[0])


def test_35_nobody_waits_long_for_a_migration_and_nothing_of_the_former_version_fails(url: str) -> None:
    assert version(url) == schema_needed() - 1
    with former.shoppers(url) as traffic:
        before = len(traffic.answered)
        began = time.perf_counter()
        migrate(url)
        took = time.perf_counter() - began
        during = len(traffic.answered) - before
    print(
        f"migrated in {took:.2f} s beside {len(traffic.answered)} answers, {during} of them meanwhile;"
        f" the slowest took {traffic.slowest * 1000:.0f} ms"
    )
    assert version(url) == schema_needed()
    assert traffic.failed == []
    assert {kind for kind, _ in traffic.answered} == set(former.VISITS)
    assert traffic.slowest < SLOWEST


def test_a_migration_that_rewrote_a_table_would_be_seen(url: str) -> None:
    """The control: a table that is locked for as long as that takes on a large one."""
    with former.shoppers(url) as traffic, psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE carts IN ACCESS EXCLUSIVE MODE")
        time.sleep(SLOWEST + 0.5)
    assert traffic.slowest > SLOWEST


def test_13_behind_a_long_report_a_migration_gives_up_before_everybody_waits(url: str) -> None:
    """An ALTER waits for whoever reads, and all who come later wait for the ALTER."""
    with psycopg.connect(url) as report, former.shoppers(url) as traffic:
        # Of everything that shoppers use, since each version's migration changes another table.
        for table in ("products", "carts", "cart_items", "orders", "order_events"):
            report.execute(f"SELECT count(*) FROM {table}")
        with pytest.raises(StoreUnavailable) as gave_up:
            migrate(url)
        assert gave_up.value.code == "55P03"
        assert version(url) == schema_needed() - 1, "all or nothing"
        report.rollback()
        migrate(url)
    assert version(url) == schema_needed()
    assert traffic.failed == []
    assert LOCK_SECONDS - 1 < traffic.slowest < LOCK_SECONDS + 1.5


def test_without_a_bound_they_would_wait_as_long_as_the_report_takes(url: str) -> None:
    def migrate_without_bound() -> None:
        with psycopg.connect(url) as connection:
            connection.execute("ALTER TABLE carts ADD COLUMN one_more text")

    with psycopg.connect(url) as report, former.shoppers(url) as traffic:
        report.execute("SELECT count(*) FROM carts")
        migrating = threading.Thread(target=migrate_without_bound)
        migrating.start()
        time.sleep(LOCK_SECONDS + 3)
        report.rollback()
        migrating.join(30)
    assert traffic.slowest > LOCK_SECONDS + 1.5
