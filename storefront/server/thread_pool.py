"""A few threads for an event loop, with a watchdog over them."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Generic, TypeVar

log = logging.getLogger(__name__)

Result = TypeVar("Result")

HUNG = 70
"""Exit status of a worker process that its watchdog ended (EX_SOFTWARE)."""


@dataclass(frozen=True, slots=True)
class Job(Generic[Result]):
    label: str
    call: Callable[[], Result]
    future: asyncio.Future[Result]
    loop: asyncio.AbstractEventLoop


class ThreadPool(Generic[Result]):
    """``run`` calls in one of ``count`` threads; ``waiting`` tells how many have not found one yet.

    Not a ``ThreadPoolExecutor``: nobody can ask that one what runs for how long, it joins a hung thread at
    exit, and it wakes the event loop for every single result (a third fewer requests a second, as measured).
    """

    def __init__(self, count: int, *, hung_after: float) -> None:
        self._hung_after = hung_after
        self._jobs: SimpleQueue[Job[Result]] = SimpleQueue()
        self._running: dict[int, tuple[str, float]] = {}
        self._finished: deque[tuple[asyncio.Future[Result], Result | None, BaseException | None]] = deque()
        self._waking = False
        for number in range(count):
            threading.Thread(target=self._work, name=f"request-{number}", daemon=True).start()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    @property
    def waiting(self) -> int:
        return self._jobs.qsize()

    def run(self, label: str, call: Callable[[], Result]) -> asyncio.Future[Result]:
        """``label`` names the call in the watchdog's line."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Result] = loop.create_future()
        self._jobs.put(Job(label, call, future, loop))
        return future

    def _work(self) -> None:
        me = threading.get_ident()
        while True:
            job = self._jobs.get()
            self._running[me] = job.label, time.monotonic()
            try:
                self._finished.append((job.future, job.call(), None))
            except BaseException as error:
                self._finished.append((job.future, None, error))
            del self._running[me]
            # The flag goes up after the result is in and down before any is taken, so no result waits unseen.
            if not self._waking:
                self._waking = True
                job.loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        """On the event loop: one turn for all results that are there, not one each."""
        self._waking = False
        while self._finished:
            future, result, error = self._finished.popleft()
            if future.done():  # the client left and granian cancelled the task
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)  # type: ignore[arg-type]  # no error means there is a result

    def _watch(self) -> None:
        """End the process when a call hangs: the client side of a COMMIT has no time-out of its own.

        Other requests in this process are lost with it, as in a crash, which every flow survives; the server
        starts a fresh worker.
        """
        while True:
            time.sleep(min(1.0, self._hung_after / 4))
            for thread, (label, since) in list(self._running.items()):
                seconds = time.monotonic() - since
                if seconds > self._hung_after:
                    what = f"{label} has run {seconds:.0f} s, now in {_where(thread)}"
                    log.critical("worker %d ends itself: %s", os.getpid(), what)
                    os._exit(HUNG)


def _where(thread: int) -> str:
    """The innermost frames of a thread, on one line."""
    frame = sys._current_frames().get(thread)  # noqa: SLF001 - documented all the same
    if frame is None:
        return "a thread that just ended"
    stack = traceback.extract_stack(frame)[-4:]
    return " < ".join(f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in reversed(stack))
