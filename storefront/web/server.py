"""The web server: granian, with the front in each of its worker processes.

``python -m storefront.web.server --host HOST --port PORT``
"""

from __future__ import annotations

import argparse
import importlib
import os
import resource
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from wsgiref.types import WSGIApplication

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from storefront.lifetime import die_with_parent
from storefront.web.front import Exchange, Front, Limits, Scope

WORKERS = 2
CONNECTIONS = 8192
"""Open connections a worker takes, idle and half-open ones included (granian's default, 512, soon fills)."""
HEADER_MS = 10_000
"""Time for a request's head to arrive, and for an idle connection to stay."""
STOP_SECONDS = 5
"""Time for requests under way when the server stops; without it, one open connection holds it for ever."""


def load(limits: Limits, target: str) -> Callable[[Scope, Exchange], Awaitable[None]]:
    """Runs in each worker, after the fork: a database or AWS client must never be shared by two processes."""
    # Workers would outlive a killed server and, sharing its port, answer in the place of the next one.
    die_with_parent()
    # Until granian has its own handlers in place, those inherited from the server would swallow a SIGTERM.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    return Front(_app(target), limits).__rsgi__


def _app(target: str) -> WSGIApplication:
    """``package.module:name``, or ``package.module:name()`` for a factory."""
    module, _, name = target.partition(":")
    found = getattr(importlib.import_module(module), name.removesuffix("()"))
    app: WSGIApplication = found() if name.endswith("()") else found
    return app


def run(host: str, port: int, target: str, limits: Limits) -> None:
    """Serve until SIGTERM or SIGINT."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    server = Server(
        target,
        address=host,
        port=port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=WORKERS,
        backpressure=CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_MS, max_buffer_size=64 * 1024),
        workers_kill_timeout=STOP_SECONDS,
        respawn_failed_workers=True,
        log_level=LogLevels.warning,
    )
    server.serve(target_loader=partial(load, limits))


def main() -> int:
    parser = argparse.ArgumentParser(prog="storefront.web.server")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--app", default="storefront:create_app()", help="module:name of the WSGI app")
    arguments = parser.parse_args()
    # The app is named by module, and the working directory is where a checkout's templates and wsgi.py are.
    sys.path.insert(0, os.getcwd())
    run(arguments.host, arguments.port, arguments.app, Limits())
    return 0


if __name__ == "__main__":
    sys.exit(main())
