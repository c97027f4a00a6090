from __future__ import annotations

from contextlib import nullcontext

import pytest

from storefront.process import Process
from storefront.repositories.dynamodb import client
from storefront.resilience.breaker import Breaker
from storefront.stores import Stores


@pytest.fixture
def patient(process: Process, monkeypatch: pytest.MonkeyPatch) -> Stores:
    """Stores that wait: fifty at once wait for each other at moto, which answers one at a time."""
    monkeypatch.setattr(client, "READ_SECONDS", 20.0)
    monkeypatch.setattr(Breaker, "call", lambda *_: nullcontext())
    return process.stores()
