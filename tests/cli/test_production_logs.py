"""What production's processes write is for a machine to read: every line is one JSON object."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import requests

from storefront.process import Process
from storefront.stores import Stores
from tests.support.factories import order, product
from tests.support.production import STOREFRONT, production, written


@pytest.fixture
def variables(process: Process, stripe: str, tmp_path: Path) -> dict[str, str]:
    return production(process.settings, tmp_path)


SHAKY = """
import logging, os, sys, warnings
from storefront.cli.serve import serve
sys.exit(serve(os.environ, app="tests.support.shaky:make()"))
"""


def test_a_worker_tells_its_figures_and_writes_nothing_but_json(
    variables: dict[str, str], stores: Stores, tmp_path: Path
) -> None:
    order(stores)
    with written(tmp_path, variables, STOREFRONT, "worker") as worker:
        line = json.loads(worker.wait_for("storefront_oldest_unshipped_seconds"))
        assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Storefront"
        worker.stop()
        assert [one for one in worker.lines if not isinstance(json.loads(one), dict)] == []


def test_what_the_web_writes_is_json_with_the_balancers_id_its_tracebacks_too(
    variables: dict[str, str], stores: Stores, tmp_path: Path
) -> None:
    sku = product(stores)
    trace = "Root=1-67891233-abcdef012345678912345678"
    with written(tmp_path, variables, SHAKY) as shop:
        address = shop.wait_for("ready http").removeprefix("ready ")
        asked = {"Host": "shop.example.com", "X-Amzn-Trace-Id": trace}
        assert requests.get(f"{address}/cart?{sku}", headers=asked, timeout=10).status_code == 200
        assert requests.get(f"{address}/help?fail=within", headers=asked, timeout=10).status_code == 500
        assert requests.get(f"{address}/help?fail=before", headers=asked, timeout=10).status_code == 500
        shop.wait_for("the app ended without an answer")
        shop.stop()
        told = [json.loads(one) for one in shop.lines if not one.startswith("ready ")]
    (visit,) = [one for one in told if one.get("route") == "/cart"]
    assert (visit["request"], visit["status"], visit["level"]) == (trace, 200, "info")
    (bug,) = [one for one in told if one["event"] == "unexpected_error"]
    assert "RuntimeError: within" in bug["exception"]
    assert bug["request"] == trace
    (front,) = [one for one in told if one["event"] == "the app ended without an answer"]
    assert "RuntimeError: before" in front["exception"]
    (warned,) = [one for one in told if "an odd thing" in one["event"]]
    assert warned["level"] == "warning"
