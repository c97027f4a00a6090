"""Varnish before web processes, with the rules of deploy/edge.vcl."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import requests

from tests.support.concurrency import wait_until
from tests.support.web import free_port

RULES = Path(__file__).parents[2] / "deploy" / "edge.vcl"
PROGRAM = shutil.which("varnishd", path="/usr/sbin:/usr/bin:/usr/local/sbin")

Rules = str
"""The text of a VCL file."""


class Varnish:
    """``rules``: those of deploy/edge.vcl, unless a test plants a fault in them."""

    def __init__(self, folder: Path, backends: Sequence[int], rules: Rules = "") -> None:
        folder.mkdir()
        (folder / "backends.vcl").write_text(_backends(backends))
        (folder / "edge.vcl").write_text(rules or RULES.read_text())
        self.address = f"http://127.0.0.1:{(port := free_port())}"
        options = [f"vcl_path={folder}", "http_gzip_support=off"]
        assert PROGRAM is not None
        self._process = subprocess.Popen(
            [
                *(PROGRAM, "-F", "-j", "none", "-a", f"127.0.0.1:{port}", "-f", str(folder / "edge.vcl")),
                *("-n", str(folder / "run"), "-s", "malloc,64m"),
                *(word for option in options for word in ("-p", option)),
            ],
            stdout=subprocess.DEVNULL,
            stderr=(folder / "log").open("w"),
            start_new_session=True,
        )
        try:
            wait_until(self._answers, bound=20)
        except AssertionError:
            self.stop()
            raise

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def _answers(self) -> bool:
        assert self._process.poll() is None, "varnishd did not start"
        try:
            return requests.get(self.address + "/help", timeout=5).status_code == 200
        except requests.ConnectionError:
            return False


def _backends(ports: Sequence[int]) -> str:
    return "\n".join(
        [
            "import directors;",
            'probe alive { .url = "/healthz"; .interval = 1s; .initial = 4; }',
            *(
                f'backend web_{port} {{ .host = "127.0.0.1"; .port = "{port}"; .probe = alive; }}'
                for port in ports
            ),
            "sub vcl_init {",
            "    new shop = directors.round_robin();",
            *(f"    shop.add_backend(web_{port});" for port in ports),
            "}\n",
        ]
    )
