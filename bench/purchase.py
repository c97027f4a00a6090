"""What one purchase costs the parts that answer it: ``python -m bench.purchase`` writes ``measured.toml``.

All of the shop's own code runs in this process, by the clock of its CPU, so that nothing of the stand-ins
counts; PostgreSQL's processes are read from the kernel. A purchase: a product into the cart, the cart, the
checkout, the order placed, paid at Stripe's page, the return, the order's page, and what workers do then.
"""

from __future__ import annotations

import json
import math
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event

from bench.cost import cpu_seconds
from standins.environment import Environment
from storefront import create_app
from storefront.cli.migrate import migrate
from storefront.config import Settings
from storefront.process import Process
from storefront.services.worker import Worker

BATCHES, PURCHASES = 5, 12
"""The least of the batches counts: a busy machine adds, and never takes away. The first one warms up."""
SKU = "KIT-ENAMEL-KETTLE"
FORM = {
    "email": "bench@example.com",
    "name": "Bench",
    "line1": "1 Long Row",
    "city": "Portland",
    "region": "OR",
    "zip": "97201",
    "country": "US",
}
CARD = {"number": "4242424242424242", "exp": "12/34", "cvc": "123", "name": "B", "email": FORM["email"]}
STEPS = ("page", "cart", "checkout", "place", "pay")
COUNTED = ("statements", "locked", "locks", "stripe", "writes", "reads")
MEASURED = Path(__file__).with_name("measured.toml")


class Meter:
    """CPU, statements and DynamoDB's units since it began."""

    def __init__(self, process: Process, database: Callable[[], float]) -> None:
        self.cpu: defaultdict[str, float] = defaultdict(float)
        self.count: Counter[str] = Counter()
        self._database, self._holds_stock = database, False
        for engine in {process.engines.writer, process.engines.reader}:
            event.listen(engine, "before_cursor_execute", self._statement)
        for end in ("commit", "rollback"):
            event.listen(process.engines.writer, end, self._let_go)
        transport = process.stripe._transport  # noqa: SLF001 - it is looked at, not used
        self._asks, transport.request = transport.request, self._ask_stripe  # type: ignore[method-assign]
        process.dynamodb.client.meta.events.register("before-call.dynamodb", self._call)

    @contextmanager
    def of(self, step: str) -> Iterator[None]:
        here, there = time.process_time(), self._database()
        yield
        self.cpu[step] += time.process_time() - here
        self.cpu["database"] += self._database() - there

    def _statement(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        self.count["statements"] += 1
        self._holds_stock |= "FOR UPDATE OF s" in statement or "UPDATE stock" in statement
        # Also the one that locks: its answer has to come back before the next can go.
        self.count["locked"] += self._holds_stock

    def _let_go(self, _connection: object) -> None:
        self.count["locks"] += self._holds_stock
        self._holds_stock = False

    def _ask_stripe(self, *what: Any, **how: Any) -> Any:
        self.count["stripe"] += 1
        return self._asks(*what, **how)

    def _call(self, model: Any, params: dict[str, Any], **_: object) -> None:
        """A unit writes 1 KB or reads 4 KB; transactions cost twice, and so do consistent reads."""
        asked = json.loads(params["body"])
        if model.name in ("GetItem", "Query", "BatchGetItem"):
            self.count["reads"] += 2 if "true" in json.dumps(asked.get("ConsistentRead", False)) else 1
        else:
            size = math.ceil(len(params["body"]) / 1024)
            self.count["writes"] += size * (2 if model.name == "TransactWriteItems" else 1)


@contextmanager
def stores() -> Iterator[Callable[[], float]]:
    """PostgreSQL, DynamoDB and Stripe's stand-in alone, with the demo catalogue; PostgreSQL's CPU."""
    with tempfile.TemporaryDirectory(prefix="storefront-bench-") as folder:
        environment = Environment(Path(folder), dict(os.environ))
        try:
            environment.start_stores(stripe_webhook="")
            environment.agree_with_carrier()
            os.environ.update(environment.variables)
            migrate(Settings())
            catalog = [sys.executable, "-m", "storefront", "catalog", "import", str(environment.demo_catalog)]
            subprocess.run(catalog, check=True, stdout=sys.stderr)
            yield partial(_cpu_of_postgres, folder)
        finally:
            environment.stop()


def _cpu_of_postgres(folder: str) -> float:
    """Seconds of all its processes, each connection's own included."""
    total = 0.0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            ours = (process / "cwd").readlink().is_relative_to(folder)
            if ours and (process / "comm").read_text().startswith("postgres"):
                total += cpu_seconds(int(process.name))
    return total


def buy(app: Flask, meter: Meter) -> None:
    """One purchase by somebody new."""
    shopper = app.test_client()
    shopper.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
    with meter.of("page"):
        shopper.get(f"/products/{SKU}")
    with meter.of("cart"):
        shopper.post("/cart/items", data={"sku": SKU, "quantity": "1"})
        shopper.get("/cart")
    with meter.of("checkout"):
        page = shopper.get("/checkout").text
    with meter.of("place"):
        placed = shopper.post("/checkout", data=FORM | _hidden(page))
    if placed.status_code != 303:
        raise SystemExit(f"not placed: {placed.status_code}")
    back = _pay(placed.headers["Location"])
    with meter.of("pay"):
        _follow(shopper, back)


def _pay(page: str) -> str:
    """At Stripe, which is nothing of ours."""
    with requests.Session() as browser:
        browser.trust_env = False
        form = _hidden(browser.get(page, timeout=10).text)
        answer = browser.post(page, data=form | CARD, timeout=10, allow_redirects=False)
    return answer.headers["Location"]


def _follow(shopper: FlaskClient, address: str) -> None:
    """The return, and the order's page that it leads to."""
    parts = urlsplit(address)
    answer = shopper.get(f"{parts.path}?{parts.query}")
    if answer.status_code == 303:
        answer = shopper.get(urlsplit(answer.headers["Location"]).path)
    if answer.status_code != 200:
        raise SystemExit(f"no way back from Stripe: {answer.status_code}")


def _hidden(page: str) -> dict[str, str]:
    inputs = re.findall(r'<input[^>]*type="hidden"[^>]*>', page)
    found = ((re.search(r'name="([^"]+)"', one), re.search(r'value="([^"]*)"', one)) for one in inputs)
    return {name[1]: unescape(value[1]) for name, value in found if name and value}


def measure(database: Callable[[], float]) -> dict[str, float]:
    """Of one purchase, in milliseconds of CPU and in calls."""
    app = create_app(Settings(holds_per_address=0))
    process: Process = app.extensions["storefront"]
    worker, meter = Worker(process, without=("mail",)), Meter(process, database)
    units = str((BATCHES + 1) * PURCHASES)
    command = [sys.executable, "-m", "storefront", "stock", "receive", SKU, units]
    subprocess.run(command, check=True, stdout=sys.stderr)
    found = [_batch(app, worker, meter) for _ in range(BATCHES + 1)][1:]
    process.close()
    return {name: min(one[name] for one in found) for name in found[0]}


def _batch(app: Flask, worker: Worker, meter: Meter) -> dict[str, float]:
    meter.cpu.clear()
    meter.count.clear()
    for _ in range(PURCHASES):
        buy(app, meter)
    with meter.of("worker"):
        worker.round()
    cpu = {f"{name}_ms": meter.cpu[name] / PURCHASES * 1000 for name in (*STEPS, "worker", "database")}
    return cpu | {name: meter.count[name] / PURCHASES for name in COUNTED}


def told(found: dict[str, float], now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> str:
    lines = [
        f"# Of one purchase: python -m bench.purchase, {now():%Y-%m-%d}, {platform.machine()},"
        f" {os.cpu_count()} shared cores, load {os.getloadavg()[0]:.1f}.",
        "# CPU in milliseconds; statements, and those of them that stock is locked for; calls to Stripe;",
        "# DynamoDB in units of 1 KB written and of 4 KB read.",
    ]
    return "\n".join([*lines, *(f"{name} = {value:.2f}" for name, value in found.items())])


def main() -> None:
    with stores() as database:
        MEASURED.write_text(told(measure(database)) + "\n")
    print(MEASURED.read_text())


if __name__ == "__main__":
    main()
