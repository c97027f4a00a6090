"""The viewer function, run by the Node that comes with the browser tests."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from playwright._impl._driver import compute_driver_executable

from tests.deploy import templates

RUN = """
let text = '';
process.stdin.on('data', part => text += part).on('end', () => {
  const {code, events} = JSON.parse(text);
  const handler = new Function(code + '; return handler;')();
  console.log(JSON.stringify(events.map(handler)));
});
"""
MOST_BYTES = 10 * 1024


def run(*requests: dict[str, Any]) -> list[dict[str, Any]]:
    """What the function makes of requests, each ``uri``, ``query`` and ``headers``."""
    events = [
        {
            "request": {
                "method": one.get("method", "GET"),
                "uri": one["uri"],
                "querystring": {
                    name: {"value": values[0]}
                    | ({"multiValue": [{"value": value} for value in values]} if len(values) > 1 else {})
                    for name, values in one.get("query", {}).items()
                },
                "headers": {name: {"value": value} for name, value in one.get("headers", {}).items()},
            }
        }
        for one in requests
    ]
    code = templates.the(templates.load(), "edge.Viewer")["FunctionCode"]
    done = subprocess.run(
        [compute_driver_executable()[0], "-e", RUN],
        input=json.dumps({"code": code, "events": events}),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


def test_it_is_small_enough() -> None:
    assert len(templates.the(templates.load(), "edge.Viewer")["FunctionCode"].encode()) < MOST_BYTES


def test_inner_paths_are_not_found_however_they_are_spelt() -> None:
    paths = ("/metrics", "/readyz", "/healthz", "//metrics", "/metrics/", "/%6detrics", "/%2Freadyz")
    for path, answer in zip(paths, run(*({"uri": path} for path in paths)), strict=True):
        assert answer.get("statusCode") == 404, path
        assert answer["headers"]["cache-control"]["value"] == "no-store"


def test_other_paths_go_on_unchanged() -> None:
    for path in ("/", "/orders/1", "/metricss", "/products/metrics", "/products/%E0%A4", "/webhooks/stripe"):
        (answer,) = run({"uri": path, "query": {"key": ["a"]}, "method": "POST"})
        assert (answer["uri"], answer["querystring"]) == (path, {"key": {"value": "a"}})


def test_what_lists_do_not_know_is_dropped_and_the_rest_is_sorted() -> None:
    first, second = run(
        {
            "uri": "/products",
            "query": {"utm_source": ["x"], "q": ["lamp"], "category": ["b", "a"], "a.size": ["1"]},
        },
        {
            "uri": "/products",
            "query": {"category": ["a", "b"], "a.size": ["1"], "q": ["lamp"], "fbclid": ["y"]},
        },
    )
    assert json.dumps(first["querystring"]) == json.dumps(second["querystring"])
    assert list(first["querystring"]) == ["a.size", "category", "q"]
    assert first["querystring"]["category"]["multiValue"] == [{"value": "a"}, {"value": "b"}]


@pytest.mark.parametrize(
    "name", ["q", "category", "sort", "in_stock", "min_price", "max_price", "a.made in", "page"]
)
def test_what_lists_know_is_kept(name: str) -> None:
    (answer,) = run({"uri": "/products", "query": {name: ["1"]}})
    assert answer["querystring"] == {name: {"value": "1"}}


def test_a_product_and_the_home_page_take_no_query() -> None:
    for path in ("/", "/products/LAMP-1"):
        (answer,) = run({"uri": path, "query": {"utm_source": ["x"], "q": ["y"]}})
        assert answer["querystring"] == {}
    (answer,) = run({"uri": "/products/suggestions", "query": {"q": ["lam"], "page": ["2"]}})
    assert answer["querystring"] == {"q": {"value": "lam"}}


def test_a_request_for_a_part_has_one_spelling() -> None:
    spelt: tuple[dict[str, str], ...] = (
        {"hx-request": "true"},
        {"hx-request": "TRUE", "hx-request-type": "partial"},
    )
    for answer in run(*({"uri": "/products", "headers": one} for one in spelt)):
        assert answer["headers"] == {
            "hx-request": {"value": "true"},
            "hx-request-type": {"value": "partial"},
        }


def test_a_request_for_a_whole_page_has_one_spelling() -> None:
    spelt: tuple[dict[str, str], ...] = (
        {},
        {"hx-request": "true", "hx-request-type": "full"},
        {"hx-request": "true", "hx-history-restore-request": "true"},
        {"hx-request-type": "partial"},
    )
    for answer in run(*({"uri": "/products", "headers": one} for one in spelt)):
        assert answer["headers"] == {}


def test_a_client_says_nothing_of_the_host_it_was_forwarded_for() -> None:
    headers = {"x-forwarded-host": "evil.test", "forwarded": "host=evil.test", "host": "shop.example"}
    (answer,) = run({"uri": "/cart/items", "method": "POST", "headers": headers})
    assert answer["headers"] == {"host": {"value": "shop.example"}}
