"""``storefront serve``: the web server, and on one machine all that it needs beside it."""

from __future__ import annotations

import argparse
import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Self

import psycopg

from storefront.config import Settings
from storefront.lifetime import die_with_parent
from storefront.standins.children import Child, Crew
from storefront.standins.machine import Machine
from storefront.standins.occupancy import InUse, Occupancy

if TYPE_CHECKING:
    from storefront.cli.context import Context

READY_SECONDS = 60.0
FREE_SECONDS = 2.0
"""For the port: the processes of a shop that was killed just now may still hold it."""
ROUND_SECONDS = 0.2
DEMO_CATALOG = Path(__file__).parents[1] / "standins" / "demo" / "catalog.csv"
TEST_CARD = "4242 4242 4242 4242"


class Refused(Exception):
    """The shop can't run; the message is for whoever started it."""


class Stop(BaseException):
    """SIGTERM, SIGINT or SIGHUP came."""


@dataclass(frozen=True)
class Place:
    host: str
    port: int
    data: Path

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        port = environment.get("PORT") or "8000"
        if not (port.isascii() and port.isdigit() and int(port) < 65536):
            raise Refused(f"PORT={port} is not a port")
        return cls(
            host=environment.get("HOST") or "127.0.0.1",
            port=int(port),
            data=Path(environment.get("STOREFRONT_DATA") or ".storefront"),
        )

    @property
    def address(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def address_here(self) -> str:
        """As this machine reaches it: one can listen on all addresses but not call them."""
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  # looked up, not bound
        return f"http://{everywhere[self.host]}:{self.port}" if self.host in everywhere else self.address


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
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        place = Place.of(environment)
        with _claimed(place) as claim:
            place = Place(place.host, claim.getsockname()[1], place.data)
            if environment.get("STOREFRONT_ENV", "development") == "production":
                _produce(place, environment, app)
            else:
                _develop(place, environment, app)
    except Stop:
        return 0
    except (Refused, InUse, RuntimeError, psycopg.Error) as error:
        print(f"storefront: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def _stop(_number: int, _frame: FrameType | None) -> None:
    # The second SIGTERM must not interrupt what the first one set going.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise Stop


def _claimed(place: Place) -> socket.socket:
    """A socket that keeps other shops off the port for as long as it is open; it never listens.

    The web server shares its port between its workers, and so would a second shop: half of the requests would
    go to each. A plain bind tells whether anybody is there; the shared one then makes the next one's fail.
    """
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    deadline = time.monotonic() + FREE_SECONDS
    while True:
        plain, shared = socket.socket(family), socket.socket(family)
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        for each in (plain, shared):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            plain.bind((place.host, place.port))
            found = plain.getsockname()
            plain.close()
            shared.bind(found)
            return shared
        except OSError as error:
            plain.close()
            shared.close()
            if error.errno != errno.EADDRINUSE:
                raise Refused(f"can't listen on {place.address}: {error.strerror}") from None
            if time.monotonic() > deadline:
                raise Refused(f"{place.address} is in use; set PORT to another") from None
            time.sleep(0.05)


def _produce(place: Place, environment: Mapping[str, str], app: str) -> None:
    Settings()  # raises where production would refuse to start
    crew = Crew()
    with tempfile.TemporaryDirectory(prefix="storefront-", ignore_cleanup_errors=True) as folder:
        try:
            _start_web(place, crew, _with_figures(environment, Path(folder)), app)
            _tend(crew)
        finally:
            crew.stop()


def _develop(place: Place, environment: Mapping[str, str], app: str) -> None:
    # Here, because it brings in SQLAlchemy and boto3: a shop that can't start says so a second earlier.
    from storefront.cli.migrate import migrate

    occupancy = Occupancy(place.data, "shop")
    here = {"STOREFRONT_BASE_URL": place.address_here}
    machine = Machine(place.data, here | dict(environment))
    try:
        machine.start_stores(stripe_webhook=f"{place.address_here}/webhooks/stripe")
        machine.agree_with_carrier()
        occupancy.publish(here | machine.settings)
        os.environ.update(machine.environment)
        migrate(Settings())
        if _is_empty(machine.environment["STOREFRONT_DATABASE_URL"]):
            _import_demo(machine.environment)
        shop = _with_figures(machine.environment, place.data / "metrics")
        _start_web(place, machine.crew, shop, app)
        print(_greeting(place, machine), file=sys.stderr, flush=True)
        # These two come after "ready": nobody waits for them, and they would slow the start of the web.
        worker = Child("worker", ["-m", "storefront", "worker"], shop, announces=False)
        worker.start()
        machine.crew.add(worker)
        machine.start_carrier(f"{place.address_here}/webhooks/carrier")
        _tend(machine.crew)
    finally:
        machine.stop()
        occupancy.release()


def _with_figures(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Name the folder, emptied, where the processes of one run put what ``/metrics`` adds up."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return {"PROMETHEUS_MULTIPROC_DIR": str(folder.resolve()), **environment}


def _start_web(place: Place, crew: Crew, environment: Mapping[str, str], app: str) -> None:
    command = ["-m", "storefront.web.server", "--host", place.host, "--port", str(place.port), "--app", app]
    from storefront.web import assets

    # Once, before the workers: each would otherwise write the same files. A read-only image has them.
    with suppress(OSError):
        assets.compress()
    web = Child("web", command, environment, announces=False)
    web.start()
    crew.add(web)
    _await_healthy(place, web)
    print(f"ready {place.address}", flush=True)


def _tend(crew: Crew) -> None:
    """Until a signal comes."""
    while True:
        time.sleep(ROUND_SECONDS)
        crew.tend()


def _await_healthy(place: Place, web: Child) -> None:
    deadline = time.monotonic() + READY_SECONDS
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            with opener.open(f"{place.address_here}/healthz", timeout=5):
                return
        except (OSError, urllib.error.URLError) as error:
            if not web.alive():
                raise Refused("the web server did not start") from None
            if time.monotonic() > deadline:
                raise Refused(f"the web server did not get ready: {error}") from None
        time.sleep(0.03)


def _import_demo(environment: Mapping[str, str]) -> None:
    """Its words go to standard error: standard output is for ``ready``."""
    done = subprocess.run(
        [sys.executable, "-m", "storefront", "catalog", "import", str(DEMO_CATALOG)],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno(),
        start_new_session=True,
        preexec_fn=partial(die_with_parent, parent=os.getpid()),
    )
    if done.returncode != 0:
        raise Refused("the demo catalogue could not be imported")


def _is_empty(database_url: str) -> bool:
    with psycopg.connect(database_url, connect_timeout=5) as connection:
        return connection.execute("SELECT 1 FROM products LIMIT 1").fetchone() is None


def _greeting(place: Place, machine: Machine) -> str:
    lines = [f"The shop is open at {place.address_here}"]
    if "STOREFRONT_STRIPE_API_BASE" in machine.settings:
        lines.append(f"Pay with the test card {TEST_CARD}, any date to come and any CVC")
    lines.append(f"Its data is in {place.data}; Ctrl-C stops everything")
    return "\n".join(lines)
