"""What one request costs the processes that answer it: CPU time, which a busy machine changes least."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

BROWSER = {"Accept-Encoding": "gzip, deflate, br", "Accept": "text/html", "User-Agent": "bench"}

WARMING = 20
"""So many requests come before those that are measured."""


@dataclass(frozen=True)
class Cost:
    """Of one request: microseconds of CPU, bytes of body on the wire, the median of its time."""

    micros: float
    bytes: int
    median_ms: float


class Client:
    """One kept connection that speaks as little HTTP as a bench needs."""

    def __init__(self, address: str) -> None:
        self._host = urlsplit(address).netloc
        host, _, port = self._host.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=20)

    def close(self) -> None:
        self._socket.close()

    def get(self, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        lines = [f"GET {path} HTTP/1.1", f"Host: {self._host}", *(f"{k}: {v}" for k, v in headers.items())]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        got = b""
        while b"\r\n\r\n" not in got:
            got += self._receive()
        head, _, body = got.partition(b"\r\n\r\n")
        first, *fields = head.decode("latin-1").split("\r\n")
        status = int(first.split()[1])
        found = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        while len(body) < int(found.get("content-length", 0)) and status != 304:
            body += self._receive()
        return status, found, body

    def _receive(self) -> bytes:
        part = self._socket.recv(65536)
        if not part:
            raise ConnectionError("the server closed the connection")
        return part


@contextmanager
def client(address: str) -> Iterator[Client]:
    made = Client(address)
    try:
        yield made
    finally:
        made.close()


def cost(
    address: str,
    pids: Iterable[int],
    paths: Iterable[str],
    requests: int,
    headers: dict[str, str] | None = None,
) -> Cost:
    """Of ``requests`` one after the other, after a few that warm up. They must be answered 200 or 304."""
    pids, addresses, sent = list(pids), cycle(paths), {**BROWSER, **(headers or {})}
    taken, size = [], 0
    with client(address) as one:
        for _ in range(WARMING):
            _ask(one, next(addresses), sent)
        before = sum(map(cpu_seconds, pids))
        for _ in range(requests):
            began = time.perf_counter()
            size += _ask(one, next(addresses), sent)
            taken.append(time.perf_counter() - began)
        spent = sum(map(cpu_seconds, pids)) - before
    return Cost(spent / requests * 1e6, size // requests, sorted(taken)[len(taken) // 2] * 1000)


def _ask(one: Client, path: str, headers: dict[str, str]) -> int:
    status, _, body = one.get(path, headers)
    if status not in (200, 304):
        raise SystemExit(f"{path} answered {status}")
    return len(body)


def cpu_seconds(pid: int) -> float:
    """Time on a CPU of a process's threads so far, by the scheduler's own clock."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def descendants(pid: int) -> list[int]:
    """A process's children, and theirs."""
    found = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*found, *(below for one in found for below in descendants(one))]
