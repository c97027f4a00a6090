"""Who uses a data folder: one launcher at a time, and the commands that find out how to reach its stores."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Literal

from standins.local_state import read_json, write_private
from storefront.cli.refused import Refused

Holder = Literal["shop", "command"]
WAIT_SECONDS = 30.0
"""For a command that uses the folder; a shop stays, so there is no use in waiting for one."""


class InUse(Refused):
    """Another process holds the folder."""


class FolderLock:
    """A lock on ``data``, held until ``release`` or the end of the process, however that comes.

    The kernel holds it for the open file, which no child inherits; a pid in a file would outlive a crash.
    """

    def __init__(self, data: Path, kind: Holder) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._data = data
        self._descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + WAIT_SECONDS
        while not self._locked():
            holder, _, pid = os.pread(self._descriptor, 64, 0).decode().partition(" ")
            if (holder, kind) == ("shop", "shop") or time.monotonic() > deadline:
                os.close(self._descriptor)
                raise InUse(f"{data} is in use by a running {holder or 'shop'} (process {pid or 'unknown'})")
            time.sleep(0.1)
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{kind} {os.getpid()}".encode(), 0)

    def publish(self, environment: dict[str, str]) -> None:
        """From now on ``attach`` finds this process's stores."""
        run = {"pid": os.getpid(), "started": _started(os.getpid()), "environment": environment}
        write_private(self._data / "run.json", run)

    def release(self) -> None:
        (self._data / "run.json").unlink(missing_ok=True)
        os.close(self._descriptor)

    def _locked(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def attach(data: Path) -> dict[str, str] | None:
    """The settings that reach the stores of the shop that runs with ``data``; None if none runs."""
    run = read_json(data / "run.json")
    if run is None or run["started"] != _started(run["pid"]):
        return None
    environment: dict[str, str] = run["environment"]
    return environment


def _started(pid: int) -> str | None:
    """Boot and clock tick of a process's start: with the pid, that is one process for ever."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
    # The second field, the name, may hold spaces and brackets; the start is the 20th after it.
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else f"{boot} {fields[19]}"
