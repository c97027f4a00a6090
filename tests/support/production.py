"""A process of the shop in production, and all that it writes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storefront.config import Settings

STOPPED_SECONDS = 10.0
STOREFRONT = "import sys; from storefront.cli import main; sys.exit(main(sys.argv[1:]))"


def production(settings: Settings, folder: Path) -> dict[str, str]:
    """The environment of a shop on the stores of these settings."""
    return {
        **os.environ,
        "STOREFRONT_ENV": "production",
        "STOREFRONT_DATA": str(folder / "data"),
        "STOREFRONT_SECRET_KEY": "k" * 40,
        "STOREFRONT_DATABASE_URL": settings.database_url.get_secret_value(),
        "STOREFRONT_DYNAMODB_PREFIX": settings.dynamodb_prefix,
        "STOREFRONT_STRIPE_KEY": settings.stripe_key.get_secret_value(),
        "STOREFRONT_STRIPE_WEBHOOK_SECRET": settings.stripe_webhook_secret.get_secret_value(),
        "STOREFRONT_STRIPE_API_BASE": settings.stripe_api_base,
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

    def wait_for(self, word: str, bound: float = 60) -> str:
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
