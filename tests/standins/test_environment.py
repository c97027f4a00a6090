"""What starts on one environment, who may attach to it, and that nothing outlives the launcher."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import requests

from standins.environment import Environment, for_command
from standins.folder_lock import FolderLock, InUse, attach
from standins.local_state import port_of, secrets_of
from storefront.cli import standins
from tests.support.concurrency import wait_until

EVERYTHING = {
    "STOREFRONT_DATABASE_URL": "postgresql:///x",
    "AWS_ENDPOINT_URL_DYNAMODB": "http://127.0.0.1:9",
    "AWS_ENDPOINT_URL_SESV2": "http://127.0.0.1:9",
    "STOREFRONT_STRIPE_KEY": "sk_test_x",
    "STOREFRONT_CARRIER_WEBHOOK_SECRET": "whsec_x",
}


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
    assert standins.needed(dict.fromkeys(given, "given")) == needed


def test_production_needs_none_whatever_is_missing() -> None:
    assert not standins.needed({"STOREFRONT_ENV": "production"})


def test_an_empty_setting_is_a_missing_one(tmp_path: Path) -> None:
    given = EVERYTHING | {"STOREFRONT_CARRIER_WEBHOOK_SECRET": ""}
    environment = Environment(tmp_path, given)
    environment.agree_with_carrier()
    assert environment.variables["STOREFRONT_CARRIER_WEBHOOK_SECRET"].startswith("whsec_")
    assert environment.variables["STOREFRONT_STRIPE_KEY"] == "sk_test_x"


def test_secrets_are_made_once_and_only_ours_to_read(tmp_path: Path) -> None:
    made = secrets_of(tmp_path)
    assert secrets_of(tmp_path) == made
    assert len(set(made.values())) == 4
    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0


def test_a_port_stays_while_it_is_free(tmp_path: Path) -> None:
    port = port_of(tmp_path, "stripe")
    assert port_of(tmp_path, "stripe") == port
    assert port_of(tmp_path, "aws") != port
    (tmp_path / "server.py").write_text("")
    with subprocess.Popen([sys.executable, "-c", LISTENER, str(port)], stdout=subprocess.PIPE) as taken:
        assert taken.stdout is not None
        taken.stdout.readline()
        assert port_of(tmp_path, "stripe") != port
        taken.kill()


LISTENER = """
import socket, sys, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
time.sleep(60)
"""


def test_a_second_launcher_is_refused_and_a_freed_folder_is_not(tmp_path: Path) -> None:
    first = FolderLock(tmp_path, "shop")
    with pytest.raises(InUse, match=rf"running shop \(process {os.getpid()}\)"):
        FolderLock(tmp_path, "shop")
    first.release()
    FolderLock(tmp_path, "shop").release()


def test_commands_attach_to_a_running_shop_and_to_no_other(tmp_path: Path) -> None:
    settings = {"STOREFRONT_DATABASE_URL": "postgresql:///shop", "STOREFRONT_STANDINS": "1"}
    assert attach(tmp_path) is None
    shop = FolderLock(tmp_path, "shop")
    shop.publish(settings)
    assert attach(tmp_path) == settings
    assert (tmp_path / "run.json").stat().st_mode & 0o077 == 0
    with for_command(tmp_path, {}) as reached:
        assert reached == (settings, False)
    with for_command(tmp_path, {"STOREFRONT_DATABASE_URL": "postgresql:///mine"}) as reached:
        assert reached.settings == {"STOREFRONT_STANDINS": "1"}
    # After kill -9 the file is still there, and its pid may be somebody else's.
    left = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps(left | {"started": "another boot 1"}))
    assert attach(tmp_path) is None
    shop.release()
    assert not (tmp_path / "run.json").exists()


def test_a_command_with_all_settings_starts_nothing(tmp_path: Path) -> None:
    with standins.for_command(tmp_path, EVERYTHING, stripe=True) as reached:
        assert reached == ({}, False)
    assert not list(tmp_path.iterdir())


LAUNCHER = """
import os, sys, time
from pathlib import Path
from standins.environment import Environment
from standins.folder_lock import FolderLock
data = Path(sys.argv[1])
lock = FolderLock(data, "shop")
environment = Environment(data, os.environ)
environment.start_stores()
lock.publish(environment.settings)
print("ready", flush=True)
while True:
    environment.supervisor.tend()
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
        wait_until(lambda: connects(database), bound=15)
        launcher.kill()
    assert attach(tmp_path) is None
    wait_until(lambda: not connects(database) and not answers(aws), bound=15)
    with for_command(tmp_path, bare()) as (settings, started):
        assert started
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
