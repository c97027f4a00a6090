"""Several calls at the same moment, for races."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Outcomes:
    """What came of calls made at once, in the order of the calls."""

    results: Sequence[Any]
    errors: Sequence[BaseException]

    def kinds(self) -> set[type[BaseException]]:
        return {type(error) for error in self.errors}


def at_once(*calls: Callable[[], Any], bound: float = 60) -> Outcomes:
    """Run the calls in a thread each, let loose by one barrier; none may take ``bound`` seconds."""
    results: list[Any] = [None] * len(calls)
    errors: list[BaseException | None] = [None] * len(calls)
    barrier = threading.Barrier(len(calls))

    def run(index: int) -> None:
        barrier.wait()
        try:
            results[index] = calls[index]()
        except BaseException as error:
            errors[index] = error

    threads = [threading.Thread(target=run, args=(i,), daemon=True) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(bound)
    assert not any(thread.is_alive() for thread in threads), "a call is still running"
    good = [result for result, error in zip(results, errors, strict=True) if error is None]
    return Outcomes(good, [error for error in errors if error is not None])


def wait_until(ask: Callable[[], T | None], bound: float = 10) -> T:
    """Ask until it is so, at most ``bound`` seconds, and hand on what was said."""
    end = time.monotonic() + bound
    while not (answer := ask()):
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)
    return answer
