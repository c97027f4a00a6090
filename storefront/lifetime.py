"""Ties a process to the one that started it."""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(sent: signal.Signals = signal.SIGKILL, parent: int | None = None) -> None:
    """Ask the kernel to send ``sent`` to this process when its parent ends, however it ends.

    Linux only; elsewhere it does nothing. "Parent" means the *thread* that forked, so parents spawn from
    their main thread. ``parent`` is the pid the caller expects: when it is already gone, the signal will
    never come, and the process ends here.
    """
    prctl = getattr(_libc, "prctl", None)
    if prctl is None:
        return
    prctl(_PR_SET_PDEATHSIG, int(sent), 0, 0, 0)
    if parent is not None and os.getppid() != parent:
        os._exit(1)
