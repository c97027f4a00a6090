"""What CloudWatch makes metrics of is what alarms read: names, units, dimensions and values."""

from __future__ import annotations

import io
import json
import threading
import tomllib
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine

from storefront.domain.attention import AttentionKind
from storefront.payments.provider import Attempt
from storefront.process import Process
from storefront.repositories.aurora.engine import Engines
from storefront.services import attention, embedded_metrics, figures
from storefront.services.heartbeat import Heartbeat
from storefront.services.worker import Worker
from storefront.stores import Stores
from tests.support.concurrency import wait_until
from tests.support.factories import lapse, order, product
from tests.support.otherwise import otherwise
from tests.support.till import capture, open_page

LISTED = tomllib.loads((Path(__file__).parents[2] / "deploy" / "metrics.toml").read_text())


def reported(process: Process, heartbeat: Heartbeat | None = None) -> list[dict[str, Any]]:
    to = io.StringIO()
    embedded_metrics.report(process, heartbeat or Heartbeat(["holds"]), to)
    return [json.loads(line) for line in to.getvalue().splitlines()]


def metric(line: dict[str, Any]) -> tuple[str, str, list[str]]:
    """Name, unit and dimensions, which the line must give values for."""
    (about,) = line["_aws"]["CloudWatchMetrics"]
    (told,), (dimensions,) = about["Metrics"], about["Dimensions"]
    assert about["Namespace"] == LISTED["namespace"]
    assert isinstance(line[told["Name"]], float | int)
    assert all(isinstance(line[name], str) and line[name] for name in dimensions)
    return told["Name"], told["Unit"], dimensions


def test_every_metric_that_is_listed_is_told_with_its_unit_and_dimensions(
    process: Process, stores: Stores
) -> None:
    flag(stores)
    told = [metric(line) for line in reported(process)]
    for name, one in LISTED["storefront"].items():
        assert (name, one["unit"], []) in told, "an alarm reads it without its dimension"
        if one["dimensions"]:
            assert (name, one["unit"], one["dimensions"]) in told
    assert {name for name, _, _ in told} == set(LISTED["storefront"])


def flag(stores: Stores) -> None:
    disputed = order(stores)
    with stores.transaction():
        attention.raise_(stores, AttentionKind.DISPUTE, "dp_1", disputed)


def test_values_are_those_of_the_stores(process: Process, stores: Stores) -> None:
    lapse(stores, order(stores, product(stores)))
    capture(stores, order(stores))
    told = {metric(line)[0]: line[metric(line)[0]] for line in reported(process) if metric(line)[2] == []}
    assert 0 < told["storefront_oldest_unpaid_seconds"] < 60
    assert 0 < told["storefront_oldest_unshipped_seconds"] < 60
    assert told["storefront_refunds_due"] == 0
    assert told["storefront_breaker_open"] == 0
    process.dynamodb.breaker.open()
    passed = [line for line in reported(process) if "storefront_breaker_open" in line]
    assert {line.get("store", ""): line["storefront_breaker_open"] for line in passed} == {
        "": 1, "dynamodb": 1, "stripe": 0, "ses": 0,
    }  # fmt: skip


def test_without_aurora_a_worker_still_tells_of_itself(process: Process) -> None:
    nowhere = create_engine("postgresql+psycopg://nobody@127.0.0.1:9/nothing")
    alone = Process(process.settings)
    alone.engines = Engines(nowhere, nowhere)
    told = {metric(line)[0] for line in reported(alone)}
    assert told == {"storefront_worker_heartbeat_seconds", "storefront_breaker_open"}


def test_a_lane_that_hangs_is_told_while_it_hangs(process: Process, stores: Stores, stripe: str) -> None:
    """The report waits for no lane: a worker that only wrote after its rounds would fall silent instead."""
    hung, close = threading.Event(), process.stripe.close

    def hangs(ref: str) -> Attempt:
        hung.wait(20)
        return close(ref)

    lapsed = order(stores)
    open_page(process, lapsed)
    lapse(stores, lapsed)
    process.stripe = otherwise(process.stripe, close=hangs)
    worker = Worker(process, without=("mail", "deliveries", "payments"))
    running = threading.Thread(target=worker.run)
    running.start()
    try:
        wait_until(lambda: worker.heartbeat.seconds() > 0.3)
        last = [line for line in reported(process, worker.heartbeat) if "_aws" in line]
        told = [one for one in last if "storefront_worker_heartbeat_seconds" in one]
        assert told[0]["storefront_worker_heartbeat_seconds"] > 0.3
    finally:
        worker.stop()
        hung.set()
        running.join(20)


def test_what_is_watched_is_a_figure_of_ours(process: Process, stores: Stores) -> None:
    known = {one.name for one in (*figures.read(stores), *figures.of_worker(Heartbeat(["holds"])))}
    known.add(figures.of_breakers(process.breakers).name)
    assert known >= embedded_metrics.WATCHED
