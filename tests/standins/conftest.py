"""The Stripe stand-in as a really started process, and a receiver for its webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import stripe

from tests.support.stripe_shop import Receiver, Standin


@pytest.fixture(scope="session", autouse=True)
def _quiet_library() -> None:
    stripe.enable_telemetry = False


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    started = Receiver()
    yield started
    started.stop()


@pytest.fixture(scope="session")
def shared_standin(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Standin]:
    started = Standin(tmp_path_factory.mktemp("stripe"), receiver.url)
    yield started
    started.stop()


@pytest.fixture
def standin(shared_standin: Standin) -> Iterator[Standin]:
    """The shared process, without the faults and pauses of a test before."""
    yield shared_standin
    requests.delete(f"{shared_standin.base}/_standin/faults", timeout=5)
    shared_standin.control("deliver", paused=False)


@pytest.fixture
def own_standin(tmp_path: Path, receiver: Receiver) -> Iterator[Standin]:
    """A process for one test, which may kill it."""
    started = Standin(tmp_path / "stripe", receiver.url)
    yield started
    started.stop()
