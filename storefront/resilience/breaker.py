"""A circuit breaker: who hangs is asked by nobody but a probe, until it answers again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

import structlog
from prometheus_client import Gauge

log = structlog.get_logger()

PATIENCE = 2.0
"""Seconds after which a call that has not returned counts as hanging."""
FAILURES = 5
"""Quick failures in a row, such as refused connections, that open it; a hanging call does at once."""
REST = 1.0
"""Seconds between two probes."""

OPEN = Gauge(
    "storefront_breaker_open",
    "1 while calls to a store are refused",
    ["store"],
    # Over the processes that live: one that has lost a store is enough to look.
    multiprocess_mode="livemax",
)


class State(StrEnum):
    CLOSED = "closed"
    """Calls go through."""
    OPEN = "open"
    """Calls are refused at once."""
    HALF_OPEN = "half_open"
    """As open, while one probe is under way."""


def _in_background(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="probe", daemon=True).start()


class Breaker:
    """Stands before every call of one process to one store (M. Nygard, *Release It!*, "Circuit Breaker").

    It opens when a call has been outstanding for its patience, which the next caller sees without waiting for
    that call to return, or when ``FAILURES`` calls in a row failed. While it is open, calls raise what
    ``unavailable`` makes, at once. At most every ``REST`` seconds one probe looks whether the store answers:
    ``probe``, in a thread of its own, so that nobody waits for it; without one, a caller that is let through.

    ``is_fault`` tells failures of the store from answers that are errors. Safe to share between threads.
    ``clock`` is in seconds, ``start`` runs a probe; both are for tests.
    """

    def __init__(
        self,
        name: str,
        unavailable: Callable[[], Exception],
        is_fault: Callable[[BaseException], bool],
        *,
        probe: Callable[[], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
        start: Callable[[Callable[[], None]], None] = _in_background,
    ) -> None:
        self.name = name
        self._unavailable = unavailable
        self._is_fault = is_fault
        self._probe = probe
        self._clock = clock
        self._start = start
        self._lock = threading.Lock()
        self._state = State.CLOSED
        self._failures = 0
        self._next_probe = 0.0
        self._due: dict[object, float] = {}
        """When each call under way will count as hanging."""

    @property
    def state(self) -> State:
        with self._lock:
            self._notice_hanging()
            return self._state

    @contextmanager
    def call(self, patience: float = PATIENCE) -> Iterator[None]:
        """Around one call to the store.

        Raises:
            what ``unavailable`` makes: the store isn't asked.
        """
        ticket = self._enter(patience)
        try:
            yield
        except BaseException as error:
            # What isn't an Exception is an end of ours; a probe that ends so has not seen an answer.
            self._leave(ticket, failed=self._is_fault(error) or not isinstance(error, Exception))
            raise
        self._leave(ticket, failed=False)

    def open(self) -> None:
        """Somebody else has seen that the store is unavailable, or not fit for use."""
        with self._lock:
            self._open()

    def close(self) -> None:
        """The store answers. What still hangs of calls from before says nothing any more."""
        with self._lock:
            if self._state is not State.CLOSED:
                log.warning("breaker_closed", store=self.name)
                OPEN.labels(self.name).set(0)
            self._state = State.CLOSED
            self._failures = 0
            self._due.clear()

    def _enter(self, patience: float) -> object:
        ticket = object()
        with self._lock:
            self._notice_hanging()
            if self._state is not State.CLOSED:
                asked = self._state is State.OPEN and self._clock() >= self._next_probe
                if asked:
                    self._state = State.HALF_OPEN
                if self._probe is None and asked:
                    self._due[ticket] = self._clock() + patience
                    return ticket
            else:
                self._due[ticket] = self._clock() + patience
                return ticket
        if asked:
            self._start(self._look)
        raise self._unavailable()

    def _leave(self, ticket: object, *, failed: bool) -> None:
        with self._lock:
            due = self._due.pop(ticket, None)
            if due is None:
                return
            probed = self._probe is None and self._state is State.HALF_OPEN
            if failed:
                self._failures += 1
                if probed or self._failures >= FAILURES or self._clock() >= due:
                    self._open()
            elif probed or self._state is State.CLOSED:
                self._failures = 0
        if probed and not failed:
            self.close()

    def _look(self) -> None:
        """The probe, in a thread of its own."""
        try:
            assert self._probe is not None
            self._probe()
        except Exception:
            with self._lock:
                self._open()
        else:
            self.close()

    def _notice_hanging(self) -> None:
        now = self._clock()
        if self._state is State.CLOSED and any(due <= now for due in self._due.values()):
            self._open()

    def _open(self) -> None:
        pause = REST
        if self._state is State.CLOSED:
            log.warning("breaker_open", store=self.name)
            OPEN.labels(self.name).set(1)
            if self._probe is not None:
                # Nobody waits for the first look, and a single slow answer shall cost a moment only.
                pause = 0.0
        self._state = State.OPEN
        self._next_probe = self._clock() + pause
