"""The signals that end ``storefront serve``."""

from __future__ import annotations

import signal
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stop(BaseException):
    """SIGTERM, SIGINT or SIGHUP came."""


def listen() -> None:
    """From now on the first of them raises ``Stop`` wherever the main thread is, and others are ignored."""
    for number in _SIGNALS:
        signal.signal(number, _stop)


def raise_if_lost() -> None:
    """Raise ``Stop`` again if a signal came. Whoever waits for one asks now and then.

    Python drops what a handler raises while it forks or frees an object, and the signal with it.
    """
    if signal.getsignal(signal.SIGTERM) is _ignore:
        raise Stop


def _stop(_number: int, _frame: FrameType | None) -> None:
    # The second SIGTERM must not interrupt what the first one set going.
    for number in _SIGNALS:
        signal.signal(number, _ignore)
    raise Stop


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Not ``SIG_IGN``: a program started from now on would ignore its signals, too."""
