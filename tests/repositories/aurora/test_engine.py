"""Connections to Aurora: bounded waits, and the driver's words turned into the shop's."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from sqlalchemy import text

from storefront.config import Settings
from storefront.domain.errors import StoreUnavailable, TransactionLost
from storefront.process import Process
from storefront.stores import Stores, again_if_lost


def test_uncommitted_is_rolled_back(stores: Stores) -> None:
    with suppress(KeyError), stores.transaction():
        stores.db.session.execute(text("CREATE TABLE never (x int)"))
        raise KeyError
    assert stores.db.rows(text("SELECT to_regclass('never')"))[0][0] is None


def test_a_read_holds_no_connection_afterwards(process: Process, stores: Stores) -> None:
    stores.db.rows(text("SELECT 1"))
    stores.db.catalogue(text("SELECT 1"))
    assert process.engines.writer.pool.checkedout() == 0  # type: ignore[attr-defined]


def test_reads_in_a_transaction_see_its_writes(stores: Stores) -> None:
    with suppress(KeyError), stores.transaction():
        stores.db.session.execute(text("CREATE TABLE seen (x int)"))
        assert stores.db.rows(text("SELECT to_regclass('seen') IS NOT NULL"))[0][0] is True
        raise KeyError


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        ("40P01", TransactionLost),
        ("40001", TransactionLost),
        ("57P01", TransactionLost),
        ("25006", TransactionLost),
        ("53100", StoreUnavailable),
        ("53300", StoreUnavailable),
        ("57014", StoreUnavailable),
        ("55P03", StoreUnavailable),
    ],
)
def test_what_the_server_says_is_turned_into_the_shops_words(
    stores: Stores, state: str, kind: type[Exception]
) -> None:
    raising = text(f"DO $$BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '{state}'; END$$")
    with pytest.raises(StoreUnavailable) as caught, stores.transaction():
        stores.db.session.execute(raising)
    assert type(caught.value) is kind


def test_a_statement_is_ended_after_four_seconds(stores: Stores) -> None:
    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        stores.db.rows(text("SELECT pg_sleep(30)"))
    assert time.monotonic() - started < 5


def test_a_full_pool_says_so_within_three_seconds(settings: Settings, process: Process) -> None:
    small = Process(settings, pool_size=1)
    held = small.engines.writer.connect()
    try:
        for call in (lambda: small.stores().db.rows(text("SELECT 1")), lambda: _transaction(small.stores())):
            started = time.monotonic()
            with pytest.raises(StoreUnavailable):
                call()
            assert time.monotonic() - started < 3
    finally:
        held.close()
        small.engines.dispose()


def _transaction(stores: Stores) -> None:
    with stores.transaction():
        stores.db.session.execute(text("SELECT 1"))


def test_what_is_lost_is_run_once_more_and_not_for_ever() -> None:
    runs = []

    @again_if_lost
    def work(lost: int) -> str:
        runs.append(lost)
        if len(runs) <= lost:
            raise TransactionLost("aurora")
        return "done"

    assert work(1) == "done"
    assert len(runs) == 2
    runs.clear()
    with pytest.raises(TransactionLost):
        work(5)
    assert len(runs) == 2


def test_what_is_only_unavailable_is_not_run_again() -> None:
    runs = []

    @again_if_lost
    def work() -> None:
        runs.append(1)
        raise StoreUnavailable("aurora")

    with pytest.raises(StoreUnavailable):
        work()
    assert len(runs) == 1


def test_a_snapshot_reads_from_one_moment_and_cannot_write(stores: Stores) -> None:
    from sqlalchemy import exc

    with stores.db.snapshot() as connection:
        first = connection.execute(text("SELECT now()")).scalar_one()
        assert connection.execute(text("SELECT now()")).scalar_one() == first
        with pytest.raises(exc.InternalError):
            connection.execute(text("DELETE FROM orders"))
