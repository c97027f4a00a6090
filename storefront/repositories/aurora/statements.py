"""How many statements a unit of work sends: what a request costs Aurora is in its line of the log."""

from __future__ import annotations

from contextvars import ContextVar

from sqlalchemy import Engine, event

_sent: ContextVar[list[int] | None] = ContextVar("statements", default=None)


def start_counting() -> None:
    """Count from 0, for the unit of work that this thread has just begun."""
    _sent.set([0])


def counted() -> int:
    """How many were sent since, those that begin and end transactions left out."""
    sent = _sent.get()
    return sent[0] if sent else 0


@event.listens_for(Engine, "before_cursor_execute")
def _count(*_: object) -> None:
    sent = _sent.get()
    if sent is not None:
        sent[0] += 1
