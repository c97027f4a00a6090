"""Values that all pages share, kept for a moment by this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Moment(Generic[T]):
    """A value made anew when it is ``seconds`` old.

    One thread makes it; the others have the old one meanwhile, or wait for the first.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._kept: tuple[float, T] | None = None
        self._lock = Lock()

    def get(self, make: Callable[[], T]) -> T:
        kept = self._kept
        if kept and time.monotonic() - kept[0] < self._seconds:
            return kept[1]
        if kept and self._lock.locked():
            return kept[1]
        with self._lock:
            if self._kept is kept:
                started = time.monotonic()
                self._kept = started, make()
            assert self._kept is not None
            return self._kept[1]
