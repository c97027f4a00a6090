"""Connections to Aurora: bounded waits, and the driver's words turned into the shop's."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from pydantic import SecretStr
from sqlalchemy import event, exc, text

from storefront.config import Settings
from storefront.domain.errors import StoreUnavailable, TransactionLost
from storefront.process import Process
from storefront.repositories.aurora import connections
from storefront.repositories.aurora.connections import BoundedConnection, judge, lift_bounds
from storefront.resilience import budget
from storefront.resilience.breaker import State
from storefront.services import carts
from storefront.stores import Stores, again_if_lost
from tests.support.concurrency import wait_until
from tests.support.database import read_only_database
from tests.support.factories import product, shopper
from tests.support.frozen import Frozen


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
    with stores.db.snapshot() as connection:
        first = connection.execute(text("SELECT now()")).scalar_one()
        assert connection.execute(text("SELECT now()")).scalar_one() == first
        with pytest.raises(exc.InternalError):
            connection.execute(text("DELETE FROM orders"))


# --- connections judged by what they are


def demote(process: Process) -> None:
    """Make every pooled connection what it is after a switchover: one to a server that takes no writes."""
    engine = process.engines.writer
    held = [engine.connect() for _ in range(4)]
    for one in held:
        one.execute(text("SET default_transaction_read_only = on"))
        one.commit()
        one.close()


def add_ten(stores: Stores, sku: str) -> int:
    """How many of ten writes in a row went through."""
    done = 0
    for _ in range(10):
        with suppress(StoreUnavailable):
            carts.add(stores, shopper(), sku, 1)
            done += 1
    return done


def receive_ten(stores: Stores, sku: str) -> int:
    """The same, of writes by SQLAlchemy."""
    done = 0
    for _ in range(10):
        with suppress(StoreUnavailable):
            again_if_lost(_receive)(stores, sku)
            done += 1
    return done


def _receive(stores: Stores, sku: str) -> None:
    with stores.transaction():
        stores.stock.receive(sku, 1)


def test_connections_that_have_become_read_only_are_thrown_away_at_once(
    process: Process, stores: Stores
) -> None:
    sku = product(stores, quantity=100)
    demote(process)
    assert receive_ten(stores, sku) == 10
    demote(process)
    assert add_ten(stores, sku) == 10


def test_one_that_is_found_takes_all_that_are_as_old_with_it(process: Process, stores: Stores) -> None:
    """Otherwise each would fail somebody's request before it goes."""
    sku = product(stores, quantity=100)
    for _ in range(2):
        demote(process)
        assert read_only(process) == 4
        carts.add(stores, shopper(), sku, 1)
        assert read_only(process) == 0
    demote(process)
    stores.carts.active(shopper())
    assert read_only(process) == 4, "a read fails nowhere, and judges nothing"


def read_only(process: Process) -> int:
    """How many of the pool's connections take no writes."""
    held = [process.engines.writer.connect() for _ in range(4)]
    told = [one.execute(text("SHOW transaction_read_only")).scalar_one() for one in held]
    for one in held:
        one.close()
    return told.count("on")


def test_without_the_look_at_them_every_write_fails(process: Process, stores: Stores) -> None:
    """The negative control of the test above."""
    sku = product(stores, quantity=100)
    event.remove(process.engines.writer, "handle_error", judge)
    demote(process)
    assert receive_ten(stores, sku) == 0


def test_a_server_that_takes_no_writes_is_refused_as_writer_and_welcome_as_reader(
    settings: Settings, database_url: str, process: Process
) -> None:
    with read_only_database(database_url) as address:
        url = SecretStr(address)
        demoted = Process(settings.model_copy(update={"database_url": url}))
        reading = Process(settings.model_copy(update={"database_reader_url": url}))
        with pytest.raises(StoreUnavailable):
            demoted.stores().db.rows(text("SELECT 1"))
        assert reading.stores().db.catalogue(text("SELECT current_database()"))[0][0] == "demoted"
        demoted.close()
        reading.close()


# --- servers that take everything and answer nothing


def test_a_statement_ends_with_the_budget_of_its_request_and_its_connection_with_it(
    process: Process, stores: Stores
) -> None:
    stores.db.rows(text("SELECT 1"))
    started = time.monotonic()
    with budget.until(started + 0.5), pytest.raises(StoreUnavailable) as caught:
        stores.db.rows(text("SELECT pg_sleep(3)"))
    assert time.monotonic() - started < 1
    assert caught.value.code == "overdue"
    assert type(caught.value) is StoreUnavailable, "it isn't repeated"
    assert stores.db.rows(text("SELECT 1"))[0][0] == 1


def test_a_commit_that_nobody_answers_ends_too(settings: Settings, frozen: Frozen) -> None:
    process = Process(settings.model_copy(update={"database_url": SecretStr(frozen.url)}))
    stores = process.stores()
    stores.db.rows(text("SELECT 1"))

    def freeze_and_commit() -> None:
        with stores.transaction():
            stores.db.session.execute(text("SELECT 1"))
            frozen.freeze()

    started = time.monotonic()
    with budget.until(started + 1), pytest.raises(StoreUnavailable):
        freeze_and_commit()
    assert time.monotonic() - started < 1.5
    process.engines.dispose()


def test_without_time_left_nobody_begins_to_connect(settings: Settings) -> None:
    process = Process(settings)
    with budget.until(time.monotonic() + 1), pytest.raises(StoreUnavailable):
        process.stores().db.rows(text("SELECT 1"))
    assert process.stores().db.rows(text("SELECT 1"))[0][0] == 1
    process.engines.dispose()


def test_what_may_take_its_time_is_waited_for_and_the_next_user_of_the_connection_is_not(
    process: Process, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BoundedConnection, "bound", 0.3)
    monkeypatch.setattr(connections, "WAIT_SECONDS", 0.3)
    with stores.transaction():
        lift_bounds(stores.db.session.connection())
        stores.db.session.execute(text("SELECT pg_sleep(0.6)"))
    with pytest.raises(StoreUnavailable):
        stores.db.rows(text("SELECT pg_sleep(0.6)"))


# --- reads without the reader


@pytest.fixture
def frozen(database_url: str) -> Iterator[Frozen]:
    made = Frozen(database_url)
    yield made
    made.close()


@pytest.fixture
def two_doors(settings: Settings, frozen: Frozen, process: Process) -> Iterator[Process]:
    """A process whose reader can be frozen."""
    made = Process(settings.model_copy(update={"database_reader_url": SecretStr(frozen.url)}))
    yield made
    made.engines.dispose()


def test_catalogue_reads_go_to_the_reader_and_without_it_to_the_writer(
    two_doors: Process, frozen: Frozen
) -> None:
    db = two_doors.stores().db
    assert db.catalogue(text("SELECT 1"))[0][0] == 1
    assert frozen.connections == 1
    frozen.refuse()
    for _ in range(10):
        assert db.catalogue(text("SELECT 1"))[0][0] == 1
    assert two_doors.engines.reader_breaker.state is not State.CLOSED


def test_a_reader_that_hangs_costs_one_reader_and_nobody_else(two_doors: Process, frozen: Frozen) -> None:
    db = two_doors.stores().db
    db.catalogue(text("SELECT 1"))
    frozen.freeze()

    def read() -> float:
        started = time.monotonic()
        with budget.until(started + 4.6), suppress(StoreUnavailable):
            two_doors.stores().db.catalogue(text("SELECT 1"))
        return time.monotonic() - started

    first = threading.Thread(target=read)
    first.start()
    opened = time.monotonic() + 3
    wait_until(lambda: two_doors.engines.reader_breaker.state is not State.CLOSED)
    assert time.monotonic() < opened
    assert max(read() for _ in range(20)) < 0.2
    first.join()


def test_a_reader_that_is_back_is_read_again(two_doors: Process, frozen: Frozen) -> None:
    db = two_doors.stores().db
    two_doors.engines.reader_breaker.open()
    before = frozen.connections

    def read_there() -> bool:
        db.catalogue(text("SELECT 1"))
        return two_doors.engines.reader_breaker.state is State.CLOSED

    wait_until(read_there)
    assert frozen.connections > before


def test_a_statement_that_is_too_slow_on_the_reader_is_not_tried_on_the_writer(two_doors: Process) -> None:
    started = time.monotonic()
    with pytest.raises(StoreUnavailable) as caught:
        two_doors.stores().db.catalogue(text("SELECT pg_sleep(30)"))
    assert time.monotonic() - started < 5.5
    assert caught.value.code == "57014"
    assert two_doors.engines.reader_breaker.state is State.CLOSED
