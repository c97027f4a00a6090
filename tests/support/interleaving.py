"""Two pieces of work, of which the second runs while the first stands still at a chosen statement."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine, event

from storefront.domain.errors import ShopError
from storefront.process import Process
from tests.support.database import somebody_waits

BOUND = 10.0
"""Seconds that either may take; nothing here is slow."""

Work = Callable[[], object]


@dataclass
class Outcome:
    """What a piece of work came to: a value, or a refusal in the shop's own words."""

    value: object = None
    refused: ShopError | None = None
    broken: BaseException | None = None

    def __str__(self) -> str:
        return repr(self.broken or self.refused or self.value)


@dataclass
class Pair:
    """How both ended; ``paused`` says before what the first stood still, nothing if it never got that far."""

    first: Outcome
    second: Outcome
    paused: str = ""


@dataclass
class _Stop:
    """Where a thread stands still: before its statement or COMMIT of this number."""

    number: int
    seen: int = 0
    paused: str = ""
    reached: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    def passes(self, what: str) -> None:
        if threading.current_thread() is not self.thread:
            return
        if self.seen == self.number:
            self.paused = what
            self.reached.set()
            assert self.go_on.wait(BOUND), "nobody let it go on"
        self.seen += 1


@contextmanager
def _stopping(engine: Engine, stop: _Stop) -> Iterator[None]:
    def statement(_connection: object, _cursor: object, text: str, *_: object) -> None:
        stop.passes(" ".join(text.split())[:60])

    def commit(_connection: object) -> None:
        stop.passes("COMMIT")

    event.listen(engine, "before_cursor_execute", statement)
    event.listen(engine, "commit", commit)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", statement)
        event.remove(engine, "commit", commit)


def interleave(process: Process, first: Work, second: Work, at: int) -> Pair:
    """Run ``first`` up to its statement number ``at``, then ``second`` until it ends or waits for a lock that
    the first holds, then both to their ends."""
    watcher, stop = process.stores(), _Stop(at)
    one, other = Outcome(), Outcome()
    stop.thread = threading.Thread(target=_run, args=(first, one), daemon=True)
    meanwhile = threading.Thread(target=_run, args=(second, other), daemon=True)
    with _stopping(process.engines.writer, stop):
        stop.thread.start()
        while not stop.reached.wait(0.002) and stop.thread.is_alive():
            pass
        if stop.reached.is_set():
            meanwhile.start()
            deadline = time.monotonic() + BOUND
            while meanwhile.is_alive() and not somebody_waits(watcher):
                assert time.monotonic() < deadline, "the second neither ends nor waits"
                meanwhile.join(0.003)
            stop.go_on.set()
        stop.thread.join(BOUND)
        if stop.reached.is_set():
            meanwhile.join(BOUND)
    assert not stop.thread.is_alive(), "the first does not end"
    assert not meanwhile.is_alive(), "the second does not end"
    return Pair(one, other, stop.paused)


def _run(work: Work, outcome: Outcome) -> None:
    try:
        outcome.value = work()
    except ShopError as refused:
        outcome.refused = refused
    except BaseException as broken:
        outcome.broken = broken
