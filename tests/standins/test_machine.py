"""What starts on one machine, who may attach to it, and that nothing outlives the launcher."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
import requests

from storefront.standins.children import Child, Crew
from storefront.standins.kept import kept_port, kept_secrets
from storefront.standins.machine import Machine, Needs, stores
from storefront.standins.occupancy import InUse, Occupancy, attach

EVERYTHING = {
    "STOREFRONT_DATABASE_URL": "postgresql:///x",
    "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9",
    "AWS_ENDPOINT_URL_SESV2": "http://127.0.0.1:9",
    "STOREFRONT_STRIPE_KEY": "sk_test_x",
    "STOREFRONT_CARRIER_WEBHOOK_SECRET": "whsec_x",
}


def until(true: Callable[[], object], bound: float = 15) -> None:
    deadline = time.monotonic() + bound
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def bare() -> dict[str, str]:
    """This process's environment without any setting of a shop."""
    return {n: v for n, v in os.environ.items() if not n.startswith(("STOREFRONT_", "AWS_"))}


@pytest.mark.parametrize(
    ("given", "needed"),
    [
        ([], {"postgres", "dynamodb", "mail", "stripe", "carrier"}),
        (["STOREFRONT_DATABASE_URL"], {"dynamodb", "mail", "stripe", "carrier"}),
        (["AWS_ENDPOINT_URL_DYNAMODB"], {"postgres", "mail", "stripe", "carrier"}),
        (["AWS_ENDPOINT_URL_SESV2"], {"postgres", "dynamodb", "stripe", "carrier"}),
        (["AWS_ENDPOINT_URL"], {"postgres", "stripe", "carrier"}),
        (["STOREFRONT_STRIPE_KEY"], {"postgres", "dynamodb", "mail", "carrier"}),
        (["STOREFRONT_STRIPE_API_BASE"], {"postgres", "dynamodb", "mail", "carrier"}),
        (["STOREFRONT_CARRIER_WEBHOOK_SECRET"], {"postgres", "dynamodb", "mail", "stripe"}),
        (list(EVERYTHING), set()),
    ],
)
def test_a_stand_in_starts_only_where_its_setting_is_missing(given: list[str], needed: set[str]) -> None:
    needs = Needs.of(dict.fromkeys(given, "given"))
    assert {name for name, value in vars(needs).items() if value} == needed


def test_production_needs_none_whatever_is_missing() -> None:
    assert not Needs.of({"STOREFRONT_ENV": "production"}).any


def test_an_empty_setting_is_a_missing_one(tmp_path: Path) -> None:
    given = EVERYTHING | {"STOREFRONT_CARRIER_WEBHOOK_SECRET": ""}
    machine = Machine(tmp_path, given)
    machine.agree_with_carrier()
    assert machine.environment["STOREFRONT_CARRIER_WEBHOOK_SECRET"].startswith("whsec_")
    assert machine.environment["STOREFRONT_STRIPE_KEY"] == "sk_test_x"


def test_secrets_are_made_once_and_only_ours_to_read(tmp_path: Path) -> None:
    made = kept_secrets(tmp_path)
    assert kept_secrets(tmp_path) == made
    assert len(set(made.values())) == 4
    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0


def test_a_port_stays_while_it_is_free(tmp_path: Path) -> None:
    port = kept_port(tmp_path, "stripe")
    assert kept_port(tmp_path, "stripe") == port
    assert kept_port(tmp_path, "aws") != port
    (tmp_path / "server.py").write_text("")
    with subprocess.Popen([sys.executable, "-c", LISTENER, str(port)], stdout=subprocess.PIPE) as taken:
        assert taken.stdout is not None
        taken.stdout.readline()
        assert kept_port(tmp_path, "stripe") != port
        taken.kill()


LISTENER = """
import socket, sys, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
time.sleep(60)
"""


def test_a_second_launcher_is_refused_and_a_freed_folder_is_not(tmp_path: Path) -> None:
    first = Occupancy(tmp_path, "shop")
    with pytest.raises(InUse, match=rf"running shop \(process {os.getpid()}\)"):
        Occupancy(tmp_path, "shop")
    first.release()
    Occupancy(tmp_path, "shop").release()


def test_commands_attach_to_a_running_shop_and_to_no_other(tmp_path: Path) -> None:
    settings = {"STOREFRONT_DATABASE_URL": "postgresql:///shop", "STOREFRONT_STANDINS": "1"}
    assert attach(tmp_path) is None
    shop = Occupancy(tmp_path, "shop")
    shop.publish(settings)
    assert attach(tmp_path) == settings
    assert (tmp_path / "run.json").stat().st_mode & 0o077 == 0
    with stores(tmp_path, {}) as lacking:
        assert lacking == settings
    with stores(tmp_path, {"STOREFRONT_DATABASE_URL": "postgresql:///mine"}) as lacking:
        assert lacking == {"STOREFRONT_STANDINS": "1"}
    # After kill -9 the file is still there, and its pid may be somebody else's.
    left = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps(left | {"started": "another boot 1"}))
    assert attach(tmp_path) is None
    shop.release()
    assert not (tmp_path / "run.json").exists()


def test_a_command_with_all_settings_starts_nothing(tmp_path: Path) -> None:
    with stores(tmp_path, EVERYTHING) as lacking:
        assert lacking == {}
    assert not list(tmp_path.iterdir())


LAUNCHER = """
import os, sys, time
from pathlib import Path
from storefront.standins.machine import Machine
from storefront.standins.occupancy import Occupancy
data = Path(sys.argv[1])
occupancy = Occupancy(data, "shop")
machine = Machine(data, os.environ)
machine.start_stores()
occupancy.publish(machine.settings)
print("ready", flush=True)
while True:
    machine.crew.tend()
    time.sleep(0.1)
"""


def test_nothing_outlives_a_killed_launcher_and_the_next_one_starts(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LAUNCHER, str(tmp_path)]
    with subprocess.Popen(command, env=bare(), stdout=subprocess.PIPE) as launcher:
        assert launcher.stdout is not None
        assert launcher.stdout.readline() == b"ready\n"
        running = attach(tmp_path)
        assert running is not None
        database, aws = running["STOREFRONT_DATABASE_URL"], running["AWS_ENDPOINT_URL_DYNAMODB"]
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept (i int)")
            # One that dies alone comes back, at the same address.
            os.kill(int((tmp_path / "postgres" / "postmaster.pid").read_text().split("\n")[0]), 9)
        until(lambda: connects(database))
        launcher.kill()
    assert attach(tmp_path) is None
    until(lambda: not connects(database) and not answers(aws))
    with stores(tmp_path, bare()) as settings:
        assert settings["AWS_ENDPOINT_URL_DYNAMODB"] == aws
        with psycopg.connect(settings["STOREFRONT_DATABASE_URL"]) as connection:
            connection.execute("SELECT * FROM kept")
    assert not connects(database)
    assert not answers(aws)


def connects(database: str) -> bool:
    try:
        psycopg.connect(database).close()
    except psycopg.OperationalError:
        return False
    return True


def answers(address: str) -> bool:
    try:
        requests.get(address, timeout=5)
    except requests.ConnectionError:
        return False
    return True


def test_a_child_that_ends_is_started_again_but_not_in_a_rush(capfd: pytest.CaptureFixture[str]) -> None:
    crew = Crew()
    child = Child("brief", ["-c", ""], os.environ, announces=False)
    child.start()
    crew.add(child)
    pids = set()
    ends = time.monotonic() + 1.2
    while time.monotonic() < ends:
        crew.tend()
        pids.add(child.pid)
        time.sleep(0.02)
    crew.stop()
    assert 2 <= len(pids) <= 4
    assert "brief has ended; starting it again" in capfd.readouterr().err
