"""Starts a program of ours and waits until it says that it is ready."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import IO


class Running:
    """A process that printed ``ready http://…``; ``address`` is what stood there."""

    def __init__(self, *command: str, env: Mapping[str, str] | None = None, bound: float = 60) -> None:
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )
        self._ready = threading.Event()
        self.address = ""
        assert self._process.stdout is not None
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()
        if not self._ready.wait(bound) or not self.address:
            self.kill()
            raise RuntimeError(f"{' '.join(command)} is not ready:\n{self.output}")

    @classmethod
    def module(cls, name: str, *arguments: str, env: Mapping[str, str] | None = None) -> Running:
        return cls(sys.executable, "-m", name, *arguments, env=env)

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self, bound: float = 20) -> int:
        """SIGTERM, and the exit status; killed if it takes longer than ``bound`` seconds."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.wait(bound)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)

    def _read(self, pipe: IO[str]) -> None:
        for line in pipe:
            self.lines.append(line.rstrip("\n"))
            if match := re.match(r"ready (http://\S+)", line):
                self.address = match[1]
                self._ready.set()
        self._ready.set()
