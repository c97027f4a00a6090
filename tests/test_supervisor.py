"""Children end with their parent, and the supervisor keeps them going without a rush."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from storefront.supervisor import Child, Supervisor

SLEEP = "import time; time.sleep(60)"


def until(true: Callable[[], object], bound: float = 15) -> None:
    deadline = time.monotonic() + bound
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def child(program: str, *, announces: bool = False, name: str = "child") -> Child:
    return Child(name, ["-c", program], os.environ, announces=announces)


def test_a_child_that_ends_is_started_again_but_not_in_a_rush(capfd: pytest.CaptureFixture[str]) -> None:
    supervisor = Supervisor()
    brief = child("", name="brief")
    brief.start()
    supervisor.add(brief)
    pids = set()
    ends = time.monotonic() + 1.2
    while time.monotonic() < ends:
        supervisor.tend()
        pids.add(brief.pid)
        time.sleep(0.02)
    supervisor.stop()
    assert 2 <= len(pids) <= 4
    assert "brief has ended; starting it again" in capfd.readouterr().err


def test_a_child_that_says_so_is_ready() -> None:
    ready = child(f"print('ready', flush=True); {SLEEP}", announces=True)
    ready.start()
    try:
        ready.await_ready()
        assert ready.alive()
    finally:
        ready.stop()
    assert not ready.alive()


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("", "child ended before it was ready"),
        ("print('hello')", r"child said b'hello\\n' where it should have said that it is ready"),
        (SLEEP, "child did not get ready in 0 s"),
    ],
)
def test_a_child_that_does_not_get_ready_is_told_of(program: str, told: str) -> None:
    wrong = child(program, announces=True)
    wrong.start()
    try:
        with pytest.raises(RuntimeError, match=told):
            wrong.await_ready(0.3 if program == SLEEP else 15)
    finally:
        wrong.stop()


class Member:
    def __init__(self, name: str, stopped: list[str]) -> None:
        self.name = name
        self._stopped = stopped

    def start(self) -> None:
        raise AssertionError("it is alive")

    def alive(self) -> bool:
        return True

    def stop(self) -> None:
        self._stopped.append(self.name)


def test_members_stop_in_the_opposite_order() -> None:
    stopped: list[str] = []
    supervisor = Supervisor()
    for name in ("database", "web", "worker"):
        supervisor.add(Member(name, stopped))
    supervisor.tend()
    supervisor.stop()
    assert stopped == ["worker", "web", "database"]


PARENT = f"""
import os, time
from storefront.supervisor import Child
child = Child("child", ["-c", {SLEEP!r}], os.environ, announces=False)
child.start()
print(child.pid, flush=True)
time.sleep(60)
"""


def test_a_child_ends_with_a_parent_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert _runs(pid)
        parent.kill()
    until(lambda: not _runs(pid))


def _runs(pid: int) -> bool:
    """Ended children of a killed parent may stay as zombies where nobody reaps them."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
