"""``storefront serve``: the web server, and in development all that it needs beside it."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from storefront.cli import stop, web_server
from storefront.cli.place import Place, claim
from storefront.cli.refused import Refused
from storefront.config import Settings
from storefront.supervisor import Supervisor

if TYPE_CHECKING:
    from storefront.cli.context import Context


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("serve", help="run the shop")
    parser.set_defaults(run=run)


def run(_args: argparse.Namespace, _context: Context) -> int:
    return serve(os.environ)


def serve(environment: Mapping[str, str], *, app: str = "storefront:create_app()") -> int:
    """Serve until a signal; exit status 0 then, 1 when the shop can't run.

    Development: starts the stand-ins that are needed, migrates, imports the demo catalogue into a new
    database, and runs one worker. Production: the web server alone; ``storefront migrate`` is a step of the
    deployment, and ``storefront worker`` a service of its own.
    """
    stop.listen()
    try:
        place = Place.of(environment)
        with claim(place) as claimed:
            place = place.at(claimed.getsockname()[1])
            if environment.get("STOREFRONT_ENV", "development") == "production":
                _produce(place, environment, app)
            else:
                # Here, for production has no use for it, and a shop that can't start says so sooner.
                from storefront.cli.develop import develop

                develop(place, environment, app)
    except stop.Stop:
        return 0
    except (Refused, RuntimeError, psycopg.Error) as error:
        print(f"storefront: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def _produce(place: Place, environment: Mapping[str, str], app: str) -> None:
    settings = Settings()  # raises where production would refuse to start
    supervisor = Supervisor()
    with _scratch() as folder:
        try:
            variables = web_server.with_metrics(environment, Path(folder))
            web_server.start(place, supervisor, variables, app, settings)
            web_server.tend(supervisor)
        finally:
            supervisor.stop()


def _scratch() -> tempfile.TemporaryDirectory[str]:
    """Where the processes of one run add up their figures. Raises ``Refused`` where nothing can be kept."""
    try:
        return tempfile.TemporaryDirectory(prefix="storefront-", ignore_cleanup_errors=True)
    except OSError:
        raise Refused(
            "no folder for temporary files can be written to; give it a /tmp, or set TMPDIR"
        ) from None
