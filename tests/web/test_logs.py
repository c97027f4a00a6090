"""One line a request: what it cost, by which id it is found, and nothing about anybody."""

from __future__ import annotations

import pytest
import structlog
from flask import Request
from flask.testing import FlaskClient
from structlog.testing import capture_logs
from werkzeug.test import EnvironBuilder, TestResponse

from storefront.services import figures
from storefront.services.heartbeat import Heartbeat
from storefront.stores import Stores
from storefront.web import logs
from tests.support.factories import lapse, order, product
from tests.support.till import capture


@pytest.fixture(autouse=True)
def fresh_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has not taken its processors from another test's app yet."""
    monkeypatch.setattr(logs, "log", structlog.get_logger())


def lines(client: FlaskClient, path: str, **headers: str) -> tuple[TestResponse, list[dict[str, object]]]:
    with capture_logs() as told:
        answer = client.get(path, headers=headers)
    return answer, [dict(line) for line in told if line["event"] == "request"]


def test_a_request_is_one_line_with_route_status_time_and_statements(
    client: FlaskClient, stores: Stores
) -> None:
    sku = product(stores)
    _, (line,) = lines(client, f"/products/{sku}?q=ada@example.com")
    assert (line["route"], line["method"], line["status"]) == ("/products/<path:sku>", "GET", 200)
    assert isinstance(line["ms"], float)
    assert isinstance(line["statements"], int)
    assert line["statements"] >= 1
    assert sku not in str(line)
    assert "ada" not in str(line)


def test_what_strangers_type_is_in_no_line(client: FlaskClient) -> None:
    _, (line,) = lines(client, "/nothing/ada@example.com")
    assert (line["route"], line["status"]) == ("none", 404)
    with capture_logs() as told:
        client.open("/", method="BREW")
    assert [line["method"] for line in told if line["event"] == "request"] in ([], ["other"])


@pytest.mark.parametrize(
    ("header", "given", "kept"),
    [
        ("X-Amzn-Trace-Id", "Root=1-67891233-abcdef012345678912345678", True),
        ("X-Request-Id", "0f1e2d3c4b5a", True),
        ("X-Request-Id", "short", False),
        ("X-Request-Id", "name <ada@example.com>", False),
        ("X-Request-Id", "x" * 200, False),
    ],
)
def test_the_id_is_the_balancers_where_it_looks_like_one(
    client: FlaskClient, header: str, given: str, kept: bool
) -> None:
    asked = Request(EnvironBuilder(headers=[(header, given)]).get_environ())
    assert (logs.request_id(asked) == given) is kept
    assert logs.request_id(asked)


def test_machines_that_ask_every_few_seconds_leave_no_line(client: FlaskClient) -> None:
    assert lines(client, "/healthz")[1] == []


# --- figures


def told(stores: Stores) -> dict[str, float]:
    return {one.name: one.total for one in figures.read(stores)}


def test_what_waits_is_counted_and_timed(stores: Stores) -> None:
    before = told(stores)
    assert before["storefront_holds"] == 0
    assert before["storefront_oldest_unpaid_seconds"] == 0
    assert before["storefront_oldest_unshipped_seconds"] == 0
    live, lapsed = order(stores), order(stores)
    lapse(stores, lapsed)
    paid = order(stores)
    capture(stores, paid)
    after = {one.name: one for one in figures.read(stores)}
    assert after["storefront_holds"].values == {"live": 1, "lapsed": 1}
    assert after["storefront_oldest_unpaid_seconds"].total >= 1
    assert 0 < after["storefront_oldest_unshipped_seconds"].total < 60
    assert 0 < after["storefront_oldest_unmailed_seconds"].total < 60
    assert live != lapsed


def test_a_lane_that_hangs_is_the_one_that_lags() -> None:
    now = [100.0]
    heartbeat = Heartbeat(["holds", "mail"], clock=lambda: now[0])
    now[0] = 130.0
    heartbeat.beat("holds")
    assert heartbeat.lags() == {"holds": 0.0, "mail": 30.0}
    assert heartbeat.seconds() == 30.0
