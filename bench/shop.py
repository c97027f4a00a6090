"""A shop of the bench's own, started as ``make run`` starts it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import catalog
from bench.cost import descendants
from standins.folder_lock import attach

STOREFRONT = Path(sys.executable).with_name("storefront")
REAL_CATALOG = Path(__file__).parents[2] / "shared" / "data" / "catalog_openfoodfacts.csv.gz"


@dataclass(frozen=True)
class Shop:
    address: str
    data: Path
    seconds_to_ready: float
    pid: int

    @property
    def web(self) -> list[int]:
        """The processes of its web server."""
        return [
            pid
            for pid in descendants(self.pid)
            if b"storefront.server.granian" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]

    @property
    def database_url(self) -> str:
        found = attach(self.data)
        if found is None:
            raise SystemExit("the shop is gone")
        return found["STOREFRONT_DATABASE_URL"]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "STOREFRONT_DATA": str(self.data)}


@contextmanager
def started(data: Path) -> Iterator[Shop]:
    """A shop on this folder, which may have been one's before."""
    began = time.perf_counter()
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
        yield Shop(line.split()[1], data, time.perf_counter() - began, process.pid)
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def running(products: int = 0) -> Iterator[Shop]:
    """A new one with its demo catalogue, and ``products`` of the benches' own."""
    with (
        tempfile.TemporaryDirectory(prefix="storefront-bench-") as folder,
        started(Path(folder) / "data") as shop,
    ):
        if products:
            file = Path(folder) / "catalog.csv"
            catalog.write(file, products)
            subprocess.run([STOREFRONT, "catalog", "import", file], env=shop.environment, check=True)
        yield shop


@dataclass(frozen=True)
class Bare:
    """The reference pages of ``bench.bare``."""

    address: str
    processes: list[int]


@contextmanager
def bare(shop: Shop) -> Iterator[Bare]:
    """Plain granian with as many workers and threads as the shop's, on the shop's database."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = shop.database_url.replace("postgresql://", "postgresql+psycopg://")
    environment = {**os.environ, "BENCH_DATABASE_URL": url}
    subprocess.run(
        [sys.executable, "-c", "from bench.bare import make_tables; make_tables()"],
        env=environment,
        check=True,
    )
    options = {"interface": "wsgi", "port": str(port), "workers": "2", "blocking-threads": "4"}
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "granian", "--no-ws", "--log-level", "warning"),
            *(f"--{name}={value}" for name, value in options.items()),
            "bench.bare:app",
        ],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 60
        while not _listens(port):
            if time.monotonic() > until:
                raise SystemExit("the reference pages did not start")
            time.sleep(0.1)
        yield Bare(address, [server.pid, *descendants(server.pid)])
    finally:
        server.terminate()
        server.wait(30)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
