"""What one request costs the processes that answer it: CPU time, which a busy machine changes least."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from urllib.parse import urlencode, urlsplit

BROWSER = {"Accept-Encoding": "gzip, deflate, br", "Accept": "text/html", "User-Agent": "bench"}
OF_A_FORM = {"Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Site": "same-origin"}

WARMING = 20
"""So many requests come before those that are measured."""


@dataclass(frozen=True)
class Asked:
    """One request; with ``form`` it posts one."""

    path: str
    form: dict[str, str] | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    cookies: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Cost:
    """Of one request: microseconds of CPU, bytes of body on the wire, the median of its time."""

    micros: float
    bytes: int
    median_ms: float

    @classmethod
    def sum(cls, costs: Iterable[Cost]) -> Cost:
        """Of several requests one after the other."""
        each = list(costs)
        return cls(
            sum(one.micros for one in each),
            sum(one.bytes for one in each),
            sum(one.median_ms for one in each),
        )


class Client:
    """One kept connection that speaks as little HTTP as a bench needs."""

    def __init__(self, address: str) -> None:
        self._host = urlsplit(address).netloc
        host, _, port = self._host.rpartition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=20)

    def close(self) -> None:
        self._socket.close()

    def send(self, asked: Asked) -> Answer:
        body = urlencode(asked.form).encode() if asked.form is not None else b""
        headers = {"Host": self._host, **BROWSER, **asked.headers}
        if asked.form is not None:
            headers |= {**OF_A_FORM, "Content-Length": str(len(body))}
        lines = [f"{'GET' if asked.form is None else 'POST'} {asked.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        return self._answer()

    def _answer(self) -> Answer:
        got = b""
        while b"\r\n\r\n" not in got:
            got += self._receive()
        head, _, body = got.partition(b"\r\n\r\n")
        first, *fields = head.decode("latin-1").split("\r\n")
        pairs = [(name.lower(), value.strip()) for name, _, value in (one.partition(":") for one in fields)]
        status, found = int(first.split()[1]), dict(pairs)
        while len(body) < int(found.get("content-length", 0)) and status != 304:
            body += self._receive()
        # Its chunks' lengths count as its bytes.
        while found.get("transfer-encoding") == "chunked" and not body.endswith(b"0\r\n\r\n"):
            body += self._receive()
        cookies = dict(value.partition(";")[0].split("=", 1) for name, value in pairs if name == "set-cookie")
        return Answer(status, found, cookies, body)

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


def cost(address: str, pids: Iterable[int], requests: Iterable[Asked], warming: int = WARMING) -> Cost:
    """Of requests one after the other, after the first few, which warm up. None may be refused."""
    pids, ahead = list(pids), iter(requests)
    taken, size = [], 0
    with client(address) as one:
        for asked in islice(ahead, warming):
            _ask(one, asked)
        first = list(islice(ahead, 1))
        before = sum(map(cpu_seconds, pids))
        for asked in chain(first, ahead):
            began = time.perf_counter()
            size += _ask(one, asked)
            taken.append(time.perf_counter() - began)
        spent = sum(map(cpu_seconds, pids)) - before
    return Cost(spent / len(taken) * 1e6, size // len(taken), sorted(taken)[len(taken) // 2] * 1000)


def _ask(one: Client, asked: Asked) -> int:
    answer = one.send(asked)
    if answer.status not in (200, 204, 303, 304):
        raise SystemExit(f"{asked.path} answered {answer.status}")
    return len(answer.body)


def cpu_seconds(pid: int) -> float:
    """Time on a CPU of a process's threads so far, by the scheduler's own clock."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def memory_mb(pid: int) -> float:
    """What a process holds and shares with no other (its proportional set size)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def descendants(pid: int) -> list[int]:
    """A process's children, and theirs."""
    found = [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [*found, *(below for one in found for below in descendants(one))]
