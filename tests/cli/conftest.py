"""An operator at a terminal of the tests' shop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from storefront.cli import main
from storefront.process import Process


@dataclass(frozen=True)
class Typed:
    """What came of a command."""

    status: int
    out: str
    err: str


Operator = Callable[..., Typed]


@pytest.fixture
def operator(
    process: Process,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Operator:
    """Types ``storefront …``. The environment names every store, so that none is started."""
    # It would bind the logs to this test's standard error, for the tests that follow too.
    monkeypatch.setattr("storefront.web.logs.configure", lambda _settings: None)

    def type_(*words: str) -> Typed:
        settings = process.settings
        for name, value in {
            "STOREFRONT_DATA": str(tmp_path / "data"),
            "STOREFRONT_DATABASE_URL": settings.database_url.get_secret_value(),
            "STOREFRONT_DYNAMODB_PREFIX": settings.dynamodb_prefix,
            "STOREFRONT_STRIPE_KEY": settings.stripe_key.get_secret_value(),
            "STOREFRONT_STRIPE_API_BASE": settings.stripe_api_base,
            "STOREFRONT_CARRIER_WEBHOOK_SECRET": settings.carrier_webhook_secret.get_secret_value(),
        }.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        try:
            status = main(list(words))
        except SystemExit as stopped:
            status = stopped.code if isinstance(stopped.code, int) else 1
        told = capsys.readouterr()
        assert not (tmp_path / "data").exists(), "a stand-in was started"
        return Typed(status, told.out, told.err)

    return type_
