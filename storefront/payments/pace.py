"""How often the worker may ask Stripe: a bucket of calls that fills at Stripe's own rate."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LIVE = 90.0
SANDBOX = 22.0
"""Calls a second, a tenth below what Stripe allows with a live key and with one of a sandbox, so that
shoppers find room beside the worker (https://docs.stripe.com/rate-limits)."""
BURST = 0.25
"""Seconds of that rate that may be saved up and spent at once."""


class Pace:
    """Lets ``rate`` calls a second through, of all threads together, in the order in which they came.

    ``clock`` is in seconds. A web request is never made to wait by it: only the worker is given one.
    """

    def __init__(
        self,
        rate: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._between = 1 / rate
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = 0.0

    def wait(self) -> None:
        """Until the caller's turn has come."""
        with self._lock:
            now = self._clock()
            self._next = max(self._next, now - BURST) + self._between
            pause = self._next - now
        if pause > 0:
            self._sleep(pause)


def pace_for(key: str) -> Pace:
    """That of an API key, secret or restricted, by its prefix (https://docs.stripe.com/keys)."""
    return Pace(LIVE if key.startswith(("sk_live_", "rk_live_")) else SANDBOX)
