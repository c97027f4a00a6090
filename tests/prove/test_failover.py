"""Faults 19, 29 and 31 on a real synchronous pair: orders under load while the writer changes.

A TCP forwarder is the writer's name; moving it is what Aurora does when its name leads to the new writer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import event, text
from sqlalchemy.exc import SQLAlchemyError

from storefront.cli.migrate import migrate_aurora
from storefront.config import Settings
from storefront.domain.errors import ShopError, StoreUnavailable
from storefront.process import Process
from storefront.repositories.aurora.connections import judge
from storefront.repositories.aurora.engine import Engines, make_engine
from storefront.repositories.aurora.fitness import Fitness
from storefront.resilience.breaker import State
from storefront.resilience.readiness import Reason, Unfit
from storefront.services import carts
from storefront.services.checkout import place
from tests.support.concurrency import wait_until
from tests.support.factories import HOLD, placement, product, shopper
from tests.support.frozen import Frozen
from tests.support.standby import Node, synchronous_pair

pytestmark = [pytest.mark.prove, pytest.mark.alone]

THREADS = 4
LATE = 3.0
"""Seconds between the new writer's being there and the name's leading to it."""
WITHIN = 5.0
"""Seconds from the name's move to the first write."""


@dataclass
class Cluster:
    writer: Node
    reader: Node
    name: Frozen

    @property
    def settings(self) -> Settings:
        return Settings(database_url=SecretStr(self.name.url))


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    writer, reader = synchronous_pair(tmp_path)
    url = writer.url("storefront")
    migrate_aurora(Settings(database_url=SecretStr(url)).sqlalchemy_url)
    name = Frozen(url)
    yield Cluster(writer, reader, name)
    name.close()
    reader.stop()
    writer.stop()


@dataclass
class Load:
    """Shoppers who place orders one after the other."""

    process: Process
    sku: str
    acknowledged: list[tuple[float, UUID]] = field(default_factory=list)
    refused: int = 0
    bugs: list[BaseException] = field(default_factory=list)

    def shop(self, ended: threading.Event) -> None:
        while not ended.is_set():
            stores, user_id = self.process.stores(), shopper()
            try:
                carts.add(stores, user_id, self.sku, 1)
                self.acknowledged.append((time.monotonic(), place(stores, placement(stores, user_id), HOLD)))
            except ShopError:
                self.refused += 1
                ended.wait(0.02)
            except Exception as bug:
                self.bugs.append(bug)

    def since(self, moment: float) -> float | None:
        """Seconds from a moment to the first order that was acknowledged after it."""
        return min((at - moment for at, _ in list(self.acknowledged) if at > moment), default=None)


@contextmanager
def under_load(process: Process) -> Iterator[Load]:
    load, ended = Load(process, product(process.stores(), price=0, quantity=1_000_000)), threading.Event()
    threads = [threading.Thread(target=load.shop, args=(ended,), daemon=True) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: len(load.acknowledged) > 20, bound=30)
        yield load
    finally:
        ended.set()
        for thread in threads:
            thread.join(15)


def lost(load: Load, process: Process) -> list[UUID]:
    """Orders that shoppers were told of and that are not there."""
    there = {row[0] for row in process.stores().db.rows(text("SELECT order_id FROM orders"))}
    return [order_id for _, order_id in load.acknowledged if order_id not in there]


def fails_over(cluster: Cluster) -> None:
    """The writer's machine is gone; the standby takes over."""
    cluster.writer.kill()
    cluster.reader.say("SELECT pg_promote()")
    time.sleep(LATE)


def switches_over(cluster: Cluster) -> None:
    """The writer steps back and returns as a reader, while its name still leads to it."""
    cluster.writer.stop()
    cluster.reader.say("SELECT pg_promote()")
    cluster.writer.follow(cluster.reader)
    cluster.writer.run()
    time.sleep(LATE)


@pytest.mark.parametrize("change", [fails_over, switches_over])
def test_19_29_the_first_write_follows_the_name_and_nothing_acknowledged_is_lost(
    cluster: Cluster, change: Callable[[Cluster], None]
) -> None:
    process = Process(cluster.settings)
    with under_load(process) as load:
        change(cluster)
        before = len(load.acknowledged)
        moved = time.monotonic()
        cluster.name.move(cluster.reader.url("storefront"))
        wait_until(lambda: load.since(moved) is not None, bound=WITHIN)
        wait_until(lambda: len(load.acknowledged) > before + 20, bound=30)
    gone = lost(load, process)
    print(
        f"{change.__name__}: first order {load.since(moved):.2f} s after the name moved,"
        f" {len(gone)} of {len(load.acknowledged)} acknowledged orders lost, {load.refused} refused"
    )
    assert (gone, load.bugs) == ([], [])
    process.close()


def test_29_without_a_look_at_what_connections_are_writes_fail_after_the_name_has_moved(
    cluster: Cluster,
) -> None:
    """The negative control: the pool keeps connections to the old writer, now a reader."""
    process = Process(cluster.settings)
    careless = make_engine(cluster.settings.sqlalchemy_url, cluster.settings, writes=False)
    event.remove(careless, "handle_error", judge)
    process.engines = Engines(careless, careless)
    with under_load(process) as load:
        switches_over(cluster)
        moved = time.monotonic()
        cluster.name.move(cluster.reader.url("storefront"))
        time.sleep(WITHIN)
    assert load.since(moved) is None
    process.close()


def test_29_readiness_says_that_the_old_writer_takes_no_writes(cluster: Cluster) -> None:
    fitness = Fitness(cluster.settings)
    fitness.check()
    switches_over(cluster)
    with suppress(SQLAlchemyError):
        fitness.check()  # by the connection from before, which was cut
    with pytest.raises(Unfit) as caught:
        fitness.check()
    assert caught.value.reason is Reason.READ_ONLY
    cluster.name.move(cluster.reader.url("storefront"))
    fitness.check()
    fitness.dispose()


def test_31_a_reader_that_falls_behind_is_left_and_read_again_when_it_has_caught_up(cluster: Cluster) -> None:
    settings = cluster.settings.model_copy(
        update={"database_reader_url": SecretStr(cluster.reader.url("storefront"))}
    )
    process = Process(settings)
    stores = process.stores()
    product(stores)
    process.engines.probe_reader()
    cluster.reader.say("SELECT pg_wal_replay_pause()")
    sku = product(stores, name="A name of now")
    with pytest.raises(StoreUnavailable):
        process.engines.probe_reader()
    process.engines.watch_reader()
    assert process.engines.reader_breaker.state is State.OPEN
    named = text("SELECT count(*) FROM products WHERE sku = :sku")
    assert stores.db.catalogue(named, {"sku": sku})[0][0] == 1, "from the writer"
    cluster.reader.say("SELECT pg_wal_replay_resume()")
    wait_until(lambda: process.engines.reader_breaker.state is State.CLOSED or _watched(process), bound=15)
    process.close()


def _watched(process: Process) -> bool:
    process.engines.watch_reader()
    return False
