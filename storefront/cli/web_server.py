"""The web server as a child process: started, waited for, tended."""

from __future__ import annotations

import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from storefront.cli import stop
from storefront.cli.place import Place
from storefront.cli.refused import Refused
from storefront.config import Settings
from storefront.supervisor import Child, Supervisor

READY_SECONDS = 60.0
ROUND_SECONDS = 0.2


def with_metrics(environment: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Name the folder, emptied, where the processes of one run put what ``/metrics`` adds up."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return {"PROMETHEUS_MULTIPROC_DIR": str(folder.resolve()), **environment}


def start(
    place: Place, supervisor: Supervisor, environment: Mapping[str, str], app: str, settings: Settings
) -> None:
    """Start it and say ``ready`` on standard output. Raises ``Refused`` when it doesn't get healthy."""
    from storefront.web import assets

    # Once, before the workers: each would otherwise write the same files. A read-only image has them.
    with suppress(OSError):
        assets.compress()
    command = ["-m", "storefront.server.granian", "--host", place.host, "--port", str(place.port)]
    command += ["--workers", str(settings.web_workers), "--threads", str(settings.web_threads)]
    command += ["--keep-alive", str(settings.keep_alive_seconds), "--app", app]
    web = Child("web", command, environment, announces=False)
    web.start()
    supervisor.add(web)
    _await_healthy(place, web)
    print(f"ready {place.address}", flush=True)


def tend(supervisor: Supervisor) -> None:
    """Until a signal comes."""
    while True:
        time.sleep(ROUND_SECONDS)
        stop.raise_if_lost()
        supervisor.tend()


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
