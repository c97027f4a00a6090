"""Three databases, three web processes and two workers lose each other while fifty shoppers buy.

Run by ``make prove-cluster``, which installs Patroni and an engine for DynamoDB; its name keeps it out of
``make test``. A row is printed for each event: how long nobody could read, and how long nobody could buy.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
import requests
from pydantic import SecretStr
from sqlalchemy import text

from storefront.cli.migrate import migrate
from storefront.config import Settings
from storefront.process import Process
from tests.conftest import CARRIER_SECRET, STRIPE_KEY, STRIPE_SECRET
from tests.support.audit import assert_sound
from tests.support.cluster import LEASE, PROGRAMS, Balancer, Cluster, Program, missing
from tests.support.concurrency import wait_until
from tests.support.crowd import Crowd
from tests.support.factories import product
from tests.support.processes import Running
from tests.support.web import SHOP, free_port, serve, variables

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

SHOPPERS, WEB, WORKERS = 50, 3, 2
RARE = 40
"""Units of what everybody wants; they are gone soon."""
CALM = 6.0
"""Seconds that are looked at beyond an event's own."""
READING_WITHIN, BUYING_WITHIN = 10.0, 15.0
WITHIN_LEASE = LEASE + 20.0
"""Seconds for buying when a writer is gone without a word: its lease, the election, and breakers' probes."""


@dataclass
class Deployment:
    """The whole shop; ``process`` is the test's own way to its stores."""

    folder: Path
    cluster: Cluster
    balancer: Balancer
    process: Process
    environment: dict[str, str]
    ports: list[int]
    web: list[Running] = field(default_factory=list)
    workers: list[Program] = field(default_factory=list)

    def start(self) -> None:
        for port in self.ports:
            self.web.append(serve(self.environment, port))
        self.workers = [self.worker(number) for number in range(WORKERS)]
        wait_until(lambda: requests.get(self.balancer.address + "/readyz", timeout=5).status_code == 200, 60)

    def worker(self, number: int) -> Program:
        return Program(self.folder / f"worker{number}", *SHOP, "worker", env=self.environment)

    def stop(self) -> None:
        for web in self.web:
            web.stop()
        for worker in self.workers:
            worker.stop()


@pytest.fixture
def dynamodb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    port = free_port()
    own = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)}
    engine = Program(tmp_path / "ministack", str(PROGRAMS / "ministack"), env=own)
    address = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", address)
    wait_until(lambda: _answers(address), bound=60)
    yield address
    engine.stop()


def _answers(address: str) -> bool:
    try:
        return requests.get(address, timeout=2).status_code < 600
    except requests.RequestException:
        return False


@pytest.fixture
def deployment(tmp_path: Path, dynamodb: str) -> Iterator[Deployment]:
    with ExitStack() as ends:
        cluster, ports = Cluster(tmp_path), [free_port() for _ in range(WEB)]
        ends.callback(cluster.stop)
        cluster.start()
        balancer = Balancer(tmp_path, cluster.members, ports)
        ends.callback(balancer.stop)
        stripe = Running.module(
            *("standins.stripe", "--data", str(tmp_path / "stripe")),
            *("--webhook-url", f"{balancer.address}/webhooks/stripe"),
            env={"STANDIN_STRIPE_KEY": STRIPE_KEY, "STANDIN_STRIPE_WEBHOOK_SECRET": STRIPE_SECRET},
        )
        ends.callback(stripe.stop)
        settings = _settings(balancer, stripe.address)
        url = balancer.url(balancer.writer).replace("/storefront?", "/postgres?")
        with psycopg.connect(url, autocommit=True) as admin:
            admin.execute("CREATE DATABASE storefront")
        migrate(settings)
        process = Process(settings)
        ends.callback(process.close)
        made = Deployment(tmp_path, cluster, balancer, process, variables(settings), ports)
        ends.callback(made.stop)
        made.start()
        yield made


def _settings(balancer: Balancer, stripe: str) -> Settings:
    return Settings(
        database_url=SecretStr(balancer.url(balancer.writer)),
        database_reader_url=SecretStr(balancer.url(balancer.readers)),
        stripe_key=SecretStr(STRIPE_KEY),
        stripe_webhook_secret=SecretStr(STRIPE_SECRET),
        stripe_api_base=stripe,
        stripe_checkout_origin=stripe,
        carrier_webhook_secret=SecretStr(CARRIER_SECRET),
    )


# --- what happens


def node_killed(shop: Deployment) -> Callable[[], object]:
    """The writer's machine is gone; it is there again once another took over."""
    writer = shop.cluster.the("primary")
    others = [one for one in shop.cluster.members if one is not writer]
    writer.kill()
    wait_until(lambda: any(one.role == "primary" for one in others), bound=60)
    return writer.start


def switchover(shop: Deployment) -> None:
    shop.cluster.switch_over()


def web_killed(shop: Deployment) -> Callable[[], object]:
    shop.web[0].kill()
    time.sleep(3)
    return lambda: shop.web.__setitem__(0, serve(shop.environment, shop.ports[0]))


def worker_killed(shop: Deployment) -> Callable[[], object]:
    shop.workers[0].kill()
    time.sleep(3)
    return lambda: shop.workers.__setitem__(0, shop.worker(0))


def rolling_restart(shop: Deployment) -> None:
    """As a deployment does, one after the other, each told to finish what is under way."""
    for number, port in enumerate(shop.ports):
        assert shop.web[number].stop() == 0
        shop.web[number] = serve(shop.environment, port)
    for number in range(WORKERS):
        shop.workers[number].stop()
        shop.workers[number] = shop.worker(number)


def nothing(_shop: Deployment) -> None:
    """What the others are compared with: the machine is busy with its shoppers alone."""
    time.sleep(CALM)


EVENTS = (nothing, node_killed, switchover, web_killed, worker_killed, rolling_restart)


def lost(acknowledged: list[UUID], process: Process) -> list[UUID]:
    """Orders that shoppers were told of and that are not there."""
    there = {row[0] for row in process.stores().db.rows(text("SELECT order_id FROM orders"))}
    return [one for one in acknowledged if one not in there]


def unpaid(paid: list[UUID], process: Process) -> list[UUID]:
    """Orders that were paid at Stripe, and of which the shop doesn't know it."""
    rows = process.stores().db.rows(
        text("SELECT order_id FROM orders WHERE status IN ('pending', 'expired')")
    )
    return [one for one in paid if one in {row[0] for row in rows}]


def happens(event: Callable[[Deployment], object], shop: Deployment, crowd: Crowd) -> tuple[float, float]:
    """Seconds in which nobody could read, and in which nobody could buy."""
    failed = crowd.reading.failed.copy(), crowd.buying.failed.copy()
    began = time.monotonic()
    afterwards = event(shop)
    ended = time.monotonic()
    wait_until(lambda: crowd.buying.at and crowd.buying.at[-1] > ended, bound=60)
    if callable(afterwards):
        afterwards()
    time.sleep(CALM)
    now = time.monotonic()
    reading, buying = crowd.reading.longest_gap(began, now), crowd.buying.longest_gap(began, now)
    print(
        f"{event.__name__:16} reading {reading:5.2f} s, failed {dict(crowd.reading.failed - failed[0])};"
        f" buying {buying:5.2f} s, failed {dict(crowd.buying.failed - failed[1])}"
    )
    wait_until(shop.cluster.whole, bound=120)
    return reading, buying


def test_nothing_acknowledged_is_lost_and_nothing_is_sold_twice(deployment: Deployment) -> None:
    stores = deployment.process.stores()
    free = [product(stores, price=0, quantity=100_000) for _ in range(12)]
    priced = [product(stores, price=1200, quantity=100_000) for _ in range(4)]
    rare = product(stores, price=0, quantity=RARE)
    crowd = Crowd(deployment.balancer.address, free, priced, rare, SHOPPERS)
    wait_until(lambda: len(crowd.acknowledged) > 100, bound=90)
    print(f"\n{SHOPPERS} shoppers")
    gaps = {event.__name__: happens(event, deployment, crowd) for event in EVENTS}
    crowd.leave()

    gone = lost(crowd.acknowledged, deployment.process)
    wait_until(lambda: not unpaid(crowd.paid, deployment.process), bound=60)
    print(
        f"{len(gone)} of {len(crowd.acknowledged)} acknowledged orders lost, {len(crowd.paid)} paid at Stripe"
    )
    assert (gone, crowd.bugs) == ([], [])
    assert _sold(rare, deployment.process) == RARE
    assert_sound(deployment.process, due=True, stripe=True)
    assert max(reading for reading, _ in gaps.values()) < READING_WITHIN
    for name, (_, buying) in gaps.items():
        assert buying < (WITHIN_LEASE if name == "node_killed" else BUYING_WITHIN), name
    # The control: one who was told of an order that nobody wrote down would be found.
    told = uuid4()
    assert lost([*crowd.acknowledged, told], deployment.process) == [told]


def _sold(sku: str, process: Process) -> int:
    """Units of it in orders that stand."""
    rows = process.stores().db.rows(
        text(
            "SELECT coalesce(sum(i.qty), 0) FROM orders o JOIN cart_items i USING (cart_id)"
            " WHERE i.sku = :sku AND o.status NOT IN ('expired', 'cancelled', 'refunded')"
        ),
        {"sku": sku},
    )
    return int(rows[0][0])
