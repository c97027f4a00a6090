"""The time that one request may take, on which every call within it draws.

Each call has a bound of its own; several in a row, to stores that all hang, would still add up to more than
anybody waits. So a call is given what is left of its request, or isn't begun. Commands and workers have no
budget, only the bounds of their calls.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

SECONDS = 5.0
"""What a request may take in all (I14)."""
MARGIN = 0.4
"""Of these, what is kept for rendering the page that tells of it."""
BEGAN = "storefront.began"
"""Where the front puts, in the WSGI environ, when a request was there: seconds of ``time.monotonic``."""

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def left() -> float | None:
    """Seconds that calls may still take, never below 0; None without a budget."""
    deadline = _deadline.get()
    return None if deadline is None else max(0.0, deadline - time.monotonic())


def allows(seconds: float) -> bool:
    """Whether a call that may take so long ends in time."""
    remaining = left()
    return remaining is None or remaining >= seconds


def bounded(seconds: float) -> float:
    """The bound of a call: its own, or what is left if that is less."""
    remaining = left()
    return seconds if remaining is None else min(seconds, remaining)


@contextmanager
def until(deadline: float) -> Iterator[None]:
    """Calls in here end by ``deadline``, in seconds of ``time.monotonic``."""
    token = _deadline.set(deadline)
    try:
        yield
    finally:
        _deadline.reset(token)


class WithinBudget:
    """A WSGI application whose every request has ``seconds``, counted from when the front had it whole."""

    def __init__(self, app: WSGIApplication, seconds: float = SECONDS) -> None:
        self._app = app
        self._seconds = seconds - MARGIN

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        began = environ.get(BEGAN, time.monotonic())
        with until(began + self._seconds):
            return self._app(environ, start_response)
