"""Child processes that end with us, and the supervisor that keeps them going."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import IO, Protocol

READY_SECONDS = 120.0
"""Playing a long journal included."""
STOP_SECONDS = 10.0
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 15.0
STEADY_SECONDS = 60.0
"""A member that ran this long before it ended gets its next start without delay."""


_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class Member(Protocol):
    name: str

    def start(self) -> object: ...
    def alive(self) -> bool: ...
    def stop(self) -> None: ...


class Child:
    """A program of ours. ``announces``: it prints a line that begins with ``ready`` once it is."""

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], *, announces: bool
    ) -> None:
        self.name = name
        self._command = [sys.executable, *command]
        self._environment = dict(environment)
        self._announces = announces
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """From the main thread only: the child ends when the thread does that forked it."""
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if self._announces else sys.stderr.fileno(),
            # A Ctrl-C in the terminal is for us; the children stop when and in the order that we say.
            start_new_session=True,
            preexec_fn=partial(die_with_parent, parent=os.getpid()),
        )

    def await_ready(self, seconds: float = READY_SECONDS) -> None:
        """Raises ``RuntimeError`` when the child ends or says nothing."""
        assert self._process is not None
        assert self._process.stdout is not None
        deadline = time.monotonic() + seconds
        line = b""
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0 or not _readable(self._process.stdout, left):
                raise RuntimeError(f"{self.name} did not get ready in {seconds:.0f} s")
            character = os.read(self._process.stdout.fileno(), 1)
            if not character:
                raise RuntimeError(f"{self.name} ended before it was ready")
            line += character
        if not line.startswith(b"ready"):
            raise RuntimeError(f"{self.name} said {line!r} where it should have said that it is ready")

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        if self._process is None:
            return
        for end in (self._process.terminate, self._process.kill):
            with suppress(subprocess.TimeoutExpired):
                end()
                self._process.wait(STOP_SECONDS)
                break
        self._process = None


class Supervisor:
    """Members are started in order, started again when they end, and stopped in the opposite order."""

    def __init__(self) -> None:
        self._members: list[Member] = []
        self._begun: dict[str, float] = {}
        self._pause: dict[str, float] = {}

    def add(self, member: Member) -> None:
        """A member that was started."""
        self._members.append(member)
        self._begun[member.name] = time.monotonic()

    def tend(self) -> None:
        """Start again who has ended: soon at first, later less often. Call it a few times a second."""
        now = time.monotonic()
        for member in self._members:
            name = member.name
            if member.alive():
                continue
            if name not in self._pause or now - self._begun[name] > STEADY_SECONDS + self._pause[name]:
                self._pause[name] = 0.0
            if now < self._begun[name] + self._pause[name]:
                continue
            print(f"storefront: {name} has ended; starting it again", file=sys.stderr, flush=True)
            self._pause[name] = min(LONGEST_PAUSE, max(FIRST_PAUSE, 2 * self._pause[name]))
            self._begun[name] = now
            try:
                member.start()
            except (OSError, RuntimeError) as error:
                print(f"storefront: {name}: {error}", file=sys.stderr, flush=True)

    def stop(self) -> None:
        while self._members:
            self._members.pop().stop()


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


def _readable(stream: IO[bytes], seconds: float) -> bool:
    return bool(select.select([stream], [], [], seconds)[0])
