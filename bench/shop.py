"""A shop of the bench's own, started as ``make run`` starts it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STOREFRONT = Path(sys.executable).with_name("storefront")
REAL_CATALOG = Path(__file__).parents[2] / "shared" / "data" / "catalog_openfoodfacts.csv.gz"


@dataclass(frozen=True)
class Shop:
    address: str
    data: Path
    seconds_to_ready: float

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "STOREFRONT_DATA": str(self.data)}


@contextmanager
def running() -> Iterator[Shop]:
    with tempfile.TemporaryDirectory(prefix="storefront-bench-") as folder:
        data = Path(folder) / "data"
        started = time.perf_counter()
        process = subprocess.Popen(
            [STOREFRONT, "serve"],
            env={**os.environ, "STOREFRONT_DATA": str(data), "PORT": "0"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if not line.startswith("ready "):
                raise SystemExit("the shop did not start")
            yield Shop(line.split()[1], data, time.perf_counter() - started)
        finally:
            process.terminate()
            process.wait(30)
