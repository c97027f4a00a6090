"""Faults of Aurora: failing over, full, slow, and commits whose fate nobody was told of."""

from __future__ import annotations

import time
from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest
import time_machine
from pydantic import SecretStr
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from storefront.config import Settings
from storefront.domain.errors import StoreUnavailable, TransactionLost
from storefront.domain.orders import OrderStatus
from storefront.process import Process
from storefront.repositories.aurora.orders import Orders
from storefront.services import carts, holds
from storefront.services.checkout import Placement, place
from storefront.stores import Stores
from tests.support.factories import HOLD, lapse, order, pay_page, placement, product, shopper
from tests.support.till import open_page, settle


@pytest.fixture
def confirmed(stores: Stores) -> Placement:
    user_id, sku = shopper(), product(stores, quantity=5)
    carts.add(stores, user_id, sku, 2)
    return placement(stores, user_id)


@pytest.fixture
def admin(database_url: str) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


def kill_everybody_else(admin: psycopg.Connection[tuple[object, ...]]) -> None:
    """What a failover does to connections."""
    admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )


def orders(stores: Stores) -> int:
    return int(stores.db.rows(text("SELECT count(*) FROM orders"))[0][0])


def reserved(stores: Stores) -> int:
    return int(stores.db.rows(text("SELECT sum(reserved) FROM stock"))[0][0])


def test_1_a_crash_before_the_commit_leaves_nothing_reserved(
    stores: Stores, confirmed: Placement, monkeypatch: pytest.MonkeyPatch
) -> None:
    insert = Orders.insert

    def dies(self: Orders, *args: object) -> None:
        insert(self, *args)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(Orders, "insert", dies)
    with pytest.raises(KeyboardInterrupt):
        place(stores, confirmed, HOLD)
    assert (orders(stores), reserved(stores)) == (0, 0)
    assert stores.carts.active(confirmed.user_id).count == 2


def test_2_a_commit_whose_acknowledgement_is_lost_gives_one_order(
    stores: Stores, confirmed: Placement, admin: psycopg.Connection[tuple[object, ...]]
) -> None:
    """The transaction commits and the connection dies before the word of it is read."""
    lost: list[bool] = []

    def commit_and_die(session: Session) -> None:
        if not lost:
            lost.append(True)
            session.connection().connection.dbapi_connection.commit()  # type: ignore[union-attr]
            kill_everybody_else(admin)

    event.listen(Session, "before_commit", commit_and_die)
    try:
        order_id = place(stores, confirmed, HOLD)
    finally:
        event.remove(Session, "before_commit", commit_and_die)
    assert lost
    assert (orders(stores), reserved(stores)) == (1, 2)
    assert place(stores, confirmed, HOLD) == order_id


def test_2_a_commit_that_never_arrived_is_made_again(
    stores: Stores, confirmed: Placement, admin: psycopg.Connection[tuple[object, ...]]
) -> None:
    lost: list[bool] = []

    def die(_: Session) -> None:
        if not lost:
            lost.append(True)
            kill_everybody_else(admin)

    event.listen(Session, "before_commit", die)
    try:
        place(stores, confirmed, HOLD)
    finally:
        event.remove(Session, "before_commit", die)
    assert (orders(stores), reserved(stores)) == (1, 2)


def test_2_lost_twice_is_a_503_and_the_same_submit_again_gives_one_order(
    stores: Stores, confirmed: Placement, admin: psycopg.Connection[tuple[object, ...]]
) -> None:
    def die(_: Session) -> None:
        kill_everybody_else(admin)

    event.listen(Session, "before_commit", die)
    try:
        with pytest.raises(StoreUnavailable):
            place(stores, confirmed, HOLD)
    finally:
        event.remove(Session, "before_commit", die)
    place(stores, confirmed, HOLD)
    assert (orders(stores), reserved(stores)) == (1, 2)


@pytest.mark.parametrize("at", ["lock_shopper", "reserve", "insert"])
def test_19_a_connection_killed_anywhere_in_the_transaction_is_made_up_for(
    stores: Stores,
    confirmed: Placement,
    admin: psycopg.Connection[tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
    at: str,
) -> None:
    real = getattr(Orders, at)
    killed: list[bool] = []

    def after_a_kill(self: Orders, *args: object) -> object:
        if not killed:
            killed.append(True)
            kill_everybody_else(admin)
        return real(self, *args)

    monkeypatch.setattr(Orders, at, after_a_kill)
    place(stores, confirmed, HOLD)
    assert killed
    assert (orders(stores), reserved(stores)) == (1, 2)


def test_19_idle_connections_that_a_failover_killed_are_not_noticed(
    process: Process, stores: Stores, confirmed: Placement, admin: psycopg.Connection[tuple[object, ...]]
) -> None:
    held = [process.engines.writer.connect() for _ in range(4)]
    for one in held:
        one.close()
    kill_everybody_else(admin)
    assert stores.carts.active(confirmed.user_id).count == 2, "reads"
    kill_everybody_else(admin)
    place(stores, confirmed, HOLD)


def test_19_settling_and_expiring_are_made_up_for_too(
    process: Process,
    stores: Stores,
    stripe: str,
    admin: psycopg.Connection[tuple[object, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paid, lapsed = order(stores), order(stores)
    pay_page(open_page(process, paid))
    lapse(stores, lapsed)
    lock, expire = Orders.lock, Orders.expire
    killed: list[str] = []

    def lock_after_a_kill(self: Orders, order_id: UUID) -> object:
        if "lock" not in killed:
            killed.append("lock")
            kill_everybody_else(admin)
        return lock(self, order_id)

    def expire_before_a_kill(self: Orders, ids: list[UUID]) -> object:
        done = expire(self, ids)
        if "expire" not in killed:
            killed.append("expire")
            kill_everybody_else(admin)
        return done

    monkeypatch.setattr(Orders, "lock", lock_after_a_kill)
    monkeypatch.setattr(Orders, "expire", expire_before_a_kill)
    assert settle(process, paid) is OrderStatus.PAID
    assert holds.expire_lapsed(stores, process.stripe) == 1
    assert killed == ["lock", "expire"]
    assert reserved(stores) == 0


def test_20_a_lock_that_is_held_too_long_is_given_up_within_five_seconds(
    stores: Stores, confirmed: Placement, database_url: str
) -> None:
    with psycopg.connect(database_url) as other:
        other.execute("SELECT 1 FROM stock FOR UPDATE")
        started = time.monotonic()
        with pytest.raises(StoreUnavailable):
            place(stores, confirmed, HOLD)
        assert time.monotonic() - started < 5
        other.rollback()
    assert (orders(stores), reserved(stores)) == (0, 0)


def test_20_a_database_that_refuses_says_so_at_once(settings: Settings, process: Process) -> None:
    away = Process(settings.model_copy(update={"database_url": _nowhere()}))
    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        away.stores().carts.count(shopper())
    assert time.monotonic() - started < 3


def _nowhere() -> object:
    return SecretStr("postgresql://nobody@127.0.0.1:9/none")


def test_18_a_deadlock_made_by_others_does_not_reach_the_shopper(
    process: Process, stores: Stores, confirmed: Placement, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server breaks a cycle by ending one of the two; here it is always ours, once."""
    reserve = Orders.reserve
    ended: list[bool] = []

    def chosen(self: Orders, cart_id: UUID) -> bool:
        if not ended:
            ended.append(True)
            raise TransactionLost("aurora")
        return reserve(self, cart_id)

    monkeypatch.setattr(Orders, "reserve", chosen)
    place(stores, confirmed, HOLD)
    assert reserved(stores) == 2


def test_23_the_web_hosts_clock_decides_nothing(process: Process, stores: Stores) -> None:
    """Fifteen minutes and more off, either way: holds go by the database's clock."""
    order_id = order(stores)
    real = time.time()
    for off in (-3600, 3600):
        with time_machine.travel(real + off, tick=True):
            assert stores.orders.summary(order_id).held
            assert holds.expire_lapsed(stores, process.stripe) == 0
            fresh = stores.orders.summary(order(stores))
    left = fresh.expires_at.timestamp() - real
    assert abs(left - HOLD.total_seconds()) < 60


def test_25_a_full_disk_is_an_error_and_no_false_success(
    stores: Stores, confirmed: Placement, admin: psycopg.Connection[tuple[object, ...]]
) -> None:
    """As PostgreSQL says it (53100), raised where the order would be written."""
    admin.execute(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
        " $$BEGIN RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'; END$$"
    )
    admin.execute("CREATE TRIGGER full_disk BEFORE INSERT ON payments EXECUTE FUNCTION full_disk()")
    try:
        with pytest.raises(StoreUnavailable):
            place(stores, confirmed, HOLD)
    finally:
        admin.execute("DROP TRIGGER full_disk ON payments")
        admin.execute("DROP FUNCTION full_disk")
    assert (orders(stores), reserved(stores)) == (0, 0)
    place(stores, confirmed, HOLD)


def test_reads_and_writes_do_not_nest_transactions(stores: Stores) -> None:
    with stores.transaction(), pytest.raises(RuntimeError), stores.transaction():
        pass
    with pytest.raises(RuntimeError):
        stores.stock.release([])
