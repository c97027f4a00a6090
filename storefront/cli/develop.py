"""A shop on one machine: what it stands on, its databases brought up to date, the web server and a worker."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import psycopg

from storefront.cli import standins, web_server
from storefront.cli.migrate import migrate
from storefront.cli.place import Place
from storefront.cli.refused import Refused
from storefront.config import Settings
from storefront.supervisor import Child, die_with_parent

TEST_CARD = "4242 4242 4242 4242"


def develop(place: Place, environment: Mapping[str, str], app: str) -> None:
    """Until a signal comes. Raises ``Refused``, ``RuntimeError`` or a driver's error when it can't run."""
    address = place.address_here
    with standins.for_shop(place.data, environment, address) as found:
        os.environ.update(found.variables)
        settings = Settings()
        migrate(settings)
        if found.demo_catalog is not None and _is_empty(settings):
            _import(found.demo_catalog, found.variables)
        variables = web_server.with_metrics(found.variables, place.data / "metrics")
        web_server.start(place, found.supervisor, variables, app, settings)
        print(_greeting(place, found), file=sys.stderr, flush=True)
        # These two come after "ready": nobody waits for them, and they would slow the start of the web.
        worker = Child("worker", ["-m", "storefront", "worker"], variables, announces=False)
        worker.start()
        found.supervisor.add(worker)
        found.start_carrier(f"{address}/webhooks/carrier")
        web_server.tend(found.supervisor)


def _is_empty(settings: Settings) -> bool:
    with psycopg.connect(settings.libpq_url, connect_timeout=5) as connection:
        return connection.execute("SELECT 1 FROM products LIMIT 1").fetchone() is None


def _import(catalog: Path, variables: Mapping[str, str]) -> None:
    """Its words go to standard error: standard output is for ``ready``."""
    done = subprocess.run(
        [sys.executable, "-m", "storefront", "catalog", "import", str(catalog)],
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno(),
        start_new_session=True,
        preexec_fn=partial(die_with_parent, parent=os.getpid()),
    )
    if done.returncode != 0:
        raise Refused("the demo catalogue could not be imported")


def _greeting(place: Place, found: standins.Environment) -> str:
    lines = [f"The shop is open at {place.address_here}"]
    if "STOREFRONT_STRIPE_API_BASE" in found.settings:
        lines.append(f"Pay with the test card {TEST_CARD}, any date to come and any CVC")
    lines.append(f"Its data is in {place.data}; Ctrl-C stops everything")
    return "\n".join(lines)
