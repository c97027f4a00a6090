"""Whether a worker's lanes still turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping


class Heartbeat:
    """When each of a worker's lanes last ended a round. Safe to share: each lane beats for itself."""

    def __init__(self, lanes: Iterable[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        now = clock()
        self._last = dict.fromkeys(lanes, now)

    def beat(self, lane: str) -> None:
        """A lane has ended a round, whether or not all its jobs could be done."""
        self._last[lane] = self._clock()

    def lags(self) -> Mapping[str, float]:
        """Seconds since each lane last ended a round."""
        now = self._clock()
        return {lane: now - last for lane, last in self._last.items()}

    def seconds(self) -> float:
        """Seconds since the slowest lane last ended a round."""
        return max(self.lags().values(), default=0.0)
