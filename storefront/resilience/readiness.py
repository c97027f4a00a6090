"""Whether this process can serve: looked after in the background, told without asking anybody."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from storefront.resilience import budget

PROBE_SECONDS = 4.0
"""What one look at a store may take."""
PAUSE = 3.0
"""Seconds between two looks."""
STALE = 10.0
"""Seconds after which what was seen says nothing any more."""
ESSENTIAL = "aurora"
"""Without it nothing works; the shop goes on without the others."""

Answer = tuple[int, list[tuple[str, str]], bytes]
"""Status, headers and body."""


class Reason(StrEnum):
    """Why a store is of no use."""

    UNREACHABLE = "unreachable"
    READ_ONLY = "read-only"
    SCHEMA = "schema"
    """Older than this version of the shop needs."""


class Unfit(Exception):
    """The store answers, but is not fit for use."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Readiness:
    """``away`` are the stores that are of no use, with the reason of each."""

    away: Mapping[str, Reason]

    @property
    def status(self) -> str:
        if ESSENTIAL in self.away:
            return "unavailable"
        return "degraded" if self.away else "ok"

    def answer(self) -> Answer:
        told: dict[str, object] = {"status": self.status, "away": list(self.away)}
        if self.away:
            told["reason"] = self.away.get(ESSENTIAL, Reason.UNREACHABLE)
        unavailable = self.status == "unavailable"
        return _json(503 if unavailable else 200, told, *[("retry-after", "5")] * unavailable)


class Monitor:
    """Looks at every store again and again, in a daemon thread each, so that one that hangs delays no other.

    ``probes`` raise where their store is of no use; each runs with a budget of ``PROBE_SECONDS``. Threads
    don't survive a fork: start it in the process that serves.
    """

    def __init__(
        self,
        probes: Mapping[str, Callable[[], object]],
        *,
        untold: Collection[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``untold`` are looked at for their own sake; readiness says nothing of them."""
        self._probes = probes
        self._told = [name for name in probes if name not in untold]
        self._clock = clock
        self._seen: dict[str, tuple[float, Reason | None]] = {}
        self._starting = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._all_seen = threading.Event()
        self._stopping = threading.Event()

    def start(self, wait: float) -> None:
        """Look from now on; come back when all was seen once, after ``wait`` seconds at the latest."""
        with self._starting:
            if not self._threads:
                self._threads = [
                    threading.Thread(target=self._watch, args=(name,), name=f"look-{name}", daemon=True)
                    for name in self._probes
                ]
                for thread in self._threads:
                    thread.start()
        self._all_seen.wait(wait)

    def stop(self) -> None:
        self._stopping.set()

    def readiness(self) -> Readiness:
        """As last seen. What was never seen, or too long ago, counts as unreachable."""
        away: dict[str, Reason] = {}
        for name in self._told:
            at, reason = self._seen.get(name, (float("-inf"), Reason.UNREACHABLE))
            if self._clock() - at > STALE:
                reason = Reason.UNREACHABLE
            if reason is not None:
                away[name] = reason
        return Readiness(away)

    def look(self, name: str) -> None:
        """At one store, once."""
        try:
            with budget.until(time.monotonic() + PROBE_SECONDS):
                self._probes[name]()
            reason = None
        except Unfit as unfit:
            reason = unfit.reason
        except Exception:
            reason = Reason.UNREACHABLE
        self._seen[name] = self._clock(), reason

    def _watch(self, name: str) -> None:
        while not self._stopping.is_set():
            self.look(name)
            if len(self._seen) == len(self._probes):
                self._all_seen.set()
            self._stopping.wait(PAUSE)


class Health:
    """The two pages that a load balancer asks, as the front answers them by itself: at no cost, whatever the
    threads are doing, and telling strangers no more than this."""

    def __init__(self, monitor: Monitor) -> None:
        self.monitor = monitor

    def answer(self, path: str) -> Answer | None:
        """The page of a path, if it is one of the two. Never waits."""
        if path == "/healthz":
            return _json(200, {"status": "ok"})
        if path == "/readyz":
            return self.monitor.readiness().answer()
        return None


def _json(status: int, told: Mapping[str, object], *headers: tuple[str, str]) -> Answer:
    always = [
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ]
    return status, [*always, *headers], json.dumps(told).encode()
