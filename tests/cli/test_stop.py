"""A signal ends the shop even where Python drops what its handler raises."""

from __future__ import annotations

import subprocess
import sys

FORKS = """
import os, signal, time
from storefront.cli import stop, web_server
from storefront.supervisor import Child, Supervisor

stop.listen()
os.register_at_fork(before=lambda: os.kill(os.getpid(), signal.SIGTERM))
try:
    child = Child("child", ["-c", "import time; time.sleep(30)"], os.environ, announces=False)
    child.start()
    print("dropped")
    began = time.monotonic()
    child.stop()
    print("heeded" if time.monotonic() - began < 5 else "deaf")
    web_server.tend(Supervisor())
except stop.Stop:
    print("stopped")
"""


def test_a_signal_in_the_middle_of_a_fork_is_not_lost() -> None:
    done = subprocess.run([sys.executable, "-c", FORKS], capture_output=True, text=True, timeout=30)
    # The first line is the control: what the handler raised did get lost.
    assert done.stdout.splitlines() == ["dropped", "heeded", "stopped"]
