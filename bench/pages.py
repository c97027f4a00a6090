"""Pages: bytes on the wire, answers a second, and how long one takes."""

from __future__ import annotations

import http.client
import statistics
import threading
import time
from urllib.parse import urlsplit

from bench.shop import Shop

CLIENTS = 8
SECONDS = 3.0


def fetch(connection: http.client.HTTPConnection, path: str) -> int:
    """Get a page as browsers do, compressed; its bytes."""
    connection.request("GET", path, headers={"Accept-Encoding": "br, gzip"})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{path} answered {answer.status}")
    return len(body)


def load(shop: Shop, path: str) -> tuple[float, list[float]]:
    """Answers a second, and the seconds of each, with ``CLIENTS`` asking as fast as they can."""
    taken: list[float] = []
    until = time.perf_counter() + SECONDS

    def client() -> None:
        connection = http.client.HTTPConnection(urlsplit(shop.address).netloc, timeout=10)
        while (started := time.perf_counter()) < until:
            fetch(connection, path)
            taken.append(time.perf_counter() - started)

    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(taken) / SECONDS, taken


def report(shop: Shop, paths: dict[str, str]) -> None:
    print(f"{'page':<22}{'bytes':>8}{'answers/s':>12}{'median ms':>12}{'p99 ms':>10}")
    for name, path in paths.items():
        connection = http.client.HTTPConnection(urlsplit(shop.address).netloc, timeout=10)
        size = fetch(connection, path)
        rate, taken = load(shop, path)
        p99 = statistics.quantiles(taken, n=100)[98]
        print(f"{name:<22}{size:>8}{rate:>12.0f}{statistics.median(taken) * 1000:>12.1f}{p99 * 1000:>10.1f}")
