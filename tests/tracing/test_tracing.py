"""Spans as a collector gets them; and that without one nothing is imported and nothing is wrapped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import requests
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from storefront import create_app, tracing
from storefront.process import Process
from storefront.stores import Stores
from storefront.tracing import spans
from tests.support.client import add, checkout, new_browser, register
from tests.support.collector import Collector, Told, collecting
from tests.support.concurrency import wait_until
from tests.support.factories import FORM, product
from tests.support.production import STOREFRONT, production, written

SERVER, CLIENT = 2, 3
"""SpanKind of the protocol."""


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """One that the process at hand sends to."""
    with collecting() as made:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.address)
        # Everything is sent by a flush.
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "600000")
        tracing.on.cache_clear()
        spans.provider.cache_clear()
        yield made
        spans.provider().shutdown()
        spans.provider.cache_clear()
    monkeypatch.undo()
    tracing.on.cache_clear()


@pytest.fixture
def traced(collector: Collector, process: Process, stripe: str) -> Iterator[FlaskClient]:
    """A browser on an app whose connections and clients were made while there was a collector."""
    app = create_app(process.settings)
    app.config["WTF_CSRF_ENABLED"] = False
    yield new_browser(app)
    app.extensions["storefront"].close()


def sent(collector: Collector) -> list[Told]:
    assert spans.provider().force_flush()
    return collector.spans()


def roots(told: list[Told], name: str) -> list[Told]:
    return [one for one in told if not one.parent and one.name == name]


def within(told: list[Told], root: Told) -> list[Told]:
    return [one for one in told if one.parent == root.id and one.trace == root.trace]


def test_a_request_is_a_trace_of_its_statements_and_calls(
    traced: FlaskClient, stores: Stores, collector: Collector
) -> None:
    add(traced, product(stores))
    placed = checkout(traced)
    assert placed.status_code == 303
    register(new_browser(traced.application))
    told = sent(collector)
    assert collector.service == "storefront"
    (buying,) = roots(told, "POST /checkout")
    assert buying.kind == SERVER
    assert buying.about["http.response.status_code"] == 303
    assert len(buying.about["storefront.request"]) >= 8
    assert not buying.failed
    calls = within(told, buying)
    assert {one.kind for one in calls} == {CLIENT}
    assert any("INSERT INTO orders" in one.about.get("db.query.text", "") for one in calls)
    assert "Stripe POST /v1/checkout/sessions" in {one.name for one in calls}
    (joining,) = roots(told, "POST /register")
    kept = [one for one in within(told, joining) if one.about.get("rpc.service") == "DynamoDB"]
    assert "DynamoDB.TransactWriteItems" in {one.name for one in kept}
    # Each span is in the trace of its request, and none hangs in the air.
    ids = {one.id for one in told}
    assert [one for one in told if one.parent and one.parent not in ids] == []


def test_spans_hold_nothing_of_anybody(traced: FlaskClient, stores: Stores, collector: Collector) -> None:
    sku = product(stores)
    add(traced, sku)
    checkout(traced)
    order_id = traced.get("/orders").text.partition("/orders/")[2][:36]
    traced.get(f"/orders/{order_id}?key=secret-of-the-link")
    traced.get(f"/nothing/{FORM['email']}")
    assert len(sent(collector)) > 10
    everything = b"".join(collector.bodies)
    for private in (order_id, "secret-of-the-link", FORM["email"], FORM["line1"], FORM["name"], "cs_test_"):
        assert private.encode() not in everything, private


def test_a_request_that_fails_says_so(traced: FlaskClient, collector: Collector) -> None:
    views = traced.application.view_functions
    endpoint = next(rule.endpoint for rule in traced.application.url_map.iter_rules("orders.show"))
    views[endpoint] = lambda **_: str(1 // 0)
    assert traced.get(f"/orders/{UUID(int=0)}").status_code == 500
    (failed,) = roots(sent(collector), "GET /orders/<uuid:order_id>")
    assert failed.failed
    assert failed.about["http.response.status_code"] == 500


def test_a_strangers_trace_is_not_continued(traced: FlaskClient, collector: Collector) -> None:
    theirs = "0af7651916cd43dd8448eb211c80319c"
    traced.get("/help", headers={"traceparent": f"00-{theirs}-b7ad6b7169203331-01"})
    (visit,) = roots(sent(collector), "GET /help")
    assert visit.trace.hex() != theirs


def test_what_a_worker_does_of_itself_is_no_trace(
    traced: FlaskClient, process: Process, collector: Collector
) -> None:
    own = traced.application.extensions["storefront"]
    assert own.stores().waiting()
    own.dynamodb.probe()
    assert sent(collector) == []


def test_the_servers_processes_send_theirs(process: Process, stripe: str, tmp_path: Path) -> None:
    """Forked, threaded, and stopped in time."""
    with collecting() as collector:
        variables = production(process.settings, tmp_path) | {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.address,
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_SERVICE_NAME": "the-shop",
        }
        with written(tmp_path, variables, STOREFRONT, "serve") as shop:
            address = shop.wait_for("ready http").removeprefix("ready ")
            for _ in range(4):
                requests.get(f"{address}/cart", headers={"Host": "shop.example.com"}, timeout=10)
            wait_until(lambda: len(roots(collector.spans(), "GET /cart")) == 4, bound=20)
            shop.stop()
        assert collector.service == "the-shop"


def test_a_collector_that_is_away_costs_no_request_anything(
    process: Process, stripe: str, tmp_path: Path
) -> None:
    variables = production(process.settings, tmp_path) | {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
    }
    with written(tmp_path, variables, STOREFRONT, "serve") as shop:
        address = shop.wait_for("ready http").removeprefix("ready ")
        for _ in range(20):
            answer = requests.get(f"{address}/cart", headers={"Host": "shop.example.com"}, timeout=30)
            assert answer.status_code == 200
        shop.stop()
        assert [one for one in shop.lines if not one.startswith(("ready ", "{"))] == []


OFF = """
import json, sys
import storefront
from storefront.config import Settings
settings = Settings()
app = storefront.create_app(settings)
assert app.test_client().get("/cart", headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200
process = app.extensions["storefront"]
with process.engines.writer.connect() as connection:
    kind = type(connection.connection.driver_connection.cursor()).__name__
process.dynamodb.probe()
print(json.dumps([kind, type(process.stripe._transport.get_adapter("https://x")).__name__,
    sorted(one for one in sys.modules
           if one.startswith(("opentelemetry", "storefront.tracing.", "storefront.web.traces")))]))
"""


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "none"},
    ],
    ids=str,
)
def test_off_nothing_is_imported_and_nothing_is_wrapped(process: Process, variables: dict[str, str]) -> None:
    assert off(process, variables) == ["Cursor", "HTTPAdapter", []]


def test_that_something_is_imported_would_be_seen(process: Process) -> None:
    kind, adapter, modules = off(process, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"})
    assert (kind, adapter) == ("TracedCursor", "_Traced")
    assert "opentelemetry.sdk" in modules


def off(process: Process, variables: dict[str, str]) -> list[Any]:
    given = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    given |= variables | {
        "STOREFRONT_DATABASE_URL": process.settings.database_url.get_secret_value(),
        "STOREFRONT_DYNAMODB_PREFIX": process.settings.dynamodb_prefix,
    }
    done = subprocess.run([sys.executable, "-c", OFF], env=given, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(("installed", "protocol"), [(True, "grpc"), (False, "http/protobuf")])
def test_what_cannot_be_had_is_said_and_the_shop_goes_on(
    monkeypatch: pytest.MonkeyPatch, installed: bool, protocol: str
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    if not installed:
        monkeypatch.setitem(sys.modules, "opentelemetry", None)
    tracing.on.cache_clear()
    try:
        with capture_logs() as told:
            assert (tracing.on(), tracing.on(), tracing.cursors()) == (False, False, {})
        (line,) = told
        assert (line["event"], line["log_level"]) == ("traces_off", "error")
    finally:
        tracing.on.cache_clear()
