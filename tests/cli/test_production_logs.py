"""What production's processes write is for a machine to read: every line is one JSON object."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from storefront.process import Process
from storefront.stores import Stores
from tests.support.factories import order, product

STOPPED_SECONDS = 10.0


@pytest.fixture
def variables(process: Process, stripe: str, tmp_path: Path) -> dict[str, str]:
    settings = process.settings
    return {
        **os.environ,
        "STOREFRONT_ENV": "production",
        "STOREFRONT_DATA": str(tmp_path / "data"),
        "STOREFRONT_SECRET_KEY": "k" * 40,
        "STOREFRONT_DATABASE_URL": settings.database_url.get_secret_value(),
        "STOREFRONT_DYNAMODB_PREFIX": settings.dynamodb_prefix,
        "STOREFRONT_STRIPE_KEY": settings.stripe_key.get_secret_value(),
        "STOREFRONT_STRIPE_WEBHOOK_SECRET": settings.stripe_webhook_secret.get_secret_value(),
        "STOREFRONT_STRIPE_API_BASE": stripe,
        "STOREFRONT_CARRIER_WEBHOOK_SECRET": settings.carrier_webhook_secret.get_secret_value(),
        "STOREFRONT_BASE_URL": "https://shop.example.com",
        "PORT": "0",
    }


class Written:
    """A process of the shop, and the files that its two streams go to."""

    def __init__(self, folder: Path, variables: dict[str, str], *command: str) -> None:
        self._out, self._err = folder / "out", folder / "err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [sys.executable, "-c", *command],
                env=variables,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )

    @property
    def lines(self) -> list[str]:
        return [*self._out.read_text().splitlines(), *self._err.read_text().splitlines()]

    def wait_for(self, word: str, bound: float = 40) -> str:
        deadline = time.monotonic() + bound
        while time.monotonic() < deadline:
            found = [line for line in self.lines if word in line]
            if found:
                return found[0]
            assert self.process.poll() is None, self.lines
            time.sleep(0.05)
        raise AssertionError(f"{word} was not written: {self.lines}")

    def stop(self) -> None:
        began = time.monotonic()
        self.process.terminate()
        assert self.process.wait(20) == 0
        assert time.monotonic() - began < STOPPED_SECONDS


@contextmanager
def written(folder: Path, variables: dict[str, str], *command: str) -> Iterator[Written]:
    made = Written(folder, variables, *command)
    try:
        yield made
    finally:
        if made.process.poll() is None:
            os.killpg(made.process.pid, signal.SIGKILL)
            made.process.wait(10)


STOREFRONT = "import sys; from storefront.cli import main; sys.exit(main(sys.argv[1:]))"
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
