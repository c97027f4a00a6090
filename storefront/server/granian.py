"""The web server: granian, an ``RsgiApp`` in each of its worker processes.

``python -m storefront.server.granian --host HOST --port PORT``
"""

from __future__ import annotations

import argparse
import importlib
import resource
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from wsgiref.types import WSGIApplication

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import Server

from storefront.resilience.readiness import Health
from storefront.server.rsgi import HTTPProtocol, Limits, RsgiApp, Scope
from storefront.supervisor import die_with_parent

CONNECTIONS = 8192
"""Open connections a worker takes, idle and half-open ones included (granian's default, 512, soon fills)."""
FIRST_LOOK = 2.0
"""Seconds for which a worker waits for the first look at the stores before it takes requests."""
STOP_SECONDS = 5
"""Time for requests under way when the server stops; without it, one open connection holds it for ever."""


def load(limits: Limits, target: str) -> Callable[[Scope, HTTPProtocol], Awaitable[None]]:
    """Runs in each worker, after the fork: a database or AWS client must never be shared by two processes."""
    # Workers would outlive a killed server and, sharing its port, answer in the place of the next one.
    die_with_parent()
    # Until granian has its own handlers in place, those inherited from the server would swallow a SIGTERM.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    app = _app(target)
    health = _health(app)
    if health is not None:
        health.monitor.start(FIRST_LOOK)
    return RsgiApp(app, limits, getattr(app, "pages", None), health).__rsgi__


def _app(target: str) -> WSGIApplication:
    """``package.module:name``, or ``package.module:name()`` for a factory."""
    module, _, name = target.partition(":")
    found = getattr(importlib.import_module(module), name.removesuffix("()"))
    app: WSGIApplication = found() if name.endswith("()") else found
    return app


def _health(app: WSGIApplication) -> Health | None:
    """What the shop's process tells of itself; other apps tell nothing."""
    process = getattr(app, "extensions", {}).get("storefront")
    return getattr(process, "health", None)


def run(host: str, port: int, target: str, limits: Limits, *, workers: int, keep_alive: float) -> None:
    """Serve until SIGTERM or SIGINT. ``keep_alive`` is in seconds, for an idle connection to stay and for a
    request's head to arrive: granian knows one bound for both, and half a head costs no thread."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    server = Server(
        target,
        address=host,
        port=port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        websockets=False,
        workers=workers,
        backpressure=CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=int(keep_alive * 1000), max_buffer_size=64 * 1024),
        workers_kill_timeout=STOP_SECONDS,
        respawn_failed_workers=True,
        log_level=LogLevels.warning,
    )
    server.serve(target_loader=partial(load, limits))


def main() -> int:
    parser = argparse.ArgumentParser(prog="storefront.server.granian")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--app", default="storefront:create_app()", help="module:name of the WSGI app")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--threads", type=int, default=4, help="of each process")
    parser.add_argument(
        "--keep-alive", type=float, default=75.0, help="seconds that an idle connection stays"
    )
    arguments = parser.parse_args()
    # The app is named by module, and the working directory is where a checkout's templates and wsgi.py are.
    sys.path.insert(0, str(Path.cwd()))
    run(
        arguments.host,
        arguments.port,
        arguments.app,
        Limits(threads=arguments.threads),
        workers=arguments.workers,
        keep_alive=arguments.keep_alive,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
