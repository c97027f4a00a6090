"""PostgreSQL as a stand-in: from a closed folder, through crashes, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from standins.postgres import Postgres, _postgres_processes_in
from tests.support.concurrency import wait_until


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder nobody else may enter, so deep that a socket's path to it is too long."""
    closed = tmp_path_factory.mktemp("closed")
    closed.chmod(0o700)
    return closed / ("deep-" * 20)


@pytest.fixture(scope="module")
def postgres(data: Path) -> Iterator[Postgres]:
    server = Postgres(data)
    server.start()
    yield server
    server.stop()


def one(url: str, query: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def test_it_is_durable_in_utf8_and_on_no_network(postgres: Postgres) -> None:
    url = postgres.url("storefront")
    assert one(url, "SHOW fsync") == "on"
    assert one(url, "SHOW listen_addresses") == ""
    assert one(url, "SHOW timezone") == "UTC"
    # What the C locale would get wrong: it knows no capital of a letter outside ASCII.
    assert one(url, "SELECT upper('é')") == "É"


def test_nobody_else_reaches_its_files_or_socket(postgres: Postgres, data: Path) -> None:
    assert (data / "postgres").stat().st_mode & 0o077 == 0
    link = Path(postgres.url("storefront").partition("host=")[2].partition("&")[0])
    assert link.resolve() == data / "postgres"
    assert link.parent.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_it_does_not_run_as_root(data: Path, postgres: Postgres) -> None:
    processes = _postgres_processes_in(data / "postgres")
    assert processes
    assert all(Path(f"/proc/{pid}").stat().st_uid != 0 for pid in processes)
    assert data.parent.stat().st_mode & 0o777 == 0o700


def test_a_database_is_made_as_a_copy_of_another(postgres: Postgres) -> None:
    url = postgres.create_database("first")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t (i int)")
    copy = postgres.create_database("second", template="first")
    assert one(copy, "SELECT count(*) FROM t") == 0


def test_what_was_committed_survives_kill_9_and_a_pid_file_that_names_another(
    postgres: Postgres, data: Path
) -> None:
    with psycopg.connect(postgres.url("storefront"), autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS i")
        left = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert left is not None
        pid_file = data / "postgres" / "postmaster.pid"
        os.kill(int(pid_file.read_text().split("\n")[0]), signal.SIGKILL)
        wait_until(lambda: not postgres.alive(), bound=15)
        lines = pid_file.read_text().split("\n")
        # Another process of the same user, as after a reboot: PostgreSQL alone would take it for a server.
        owner = (data / "postgres").stat().st_uid
        with subprocess.Popen(["sleep", "60"], user=owner) as other:
            pid_file.write_text("\n".join([str(other.pid), *lines[1:]]))
            url = postgres.start()
            assert other.poll() is None
            other.kill()
    assert one(url, "SELECT i FROM kept") == 7
    assert left[0] not in _postgres_processes_in(data / "postgres")


STARTER = """
import sys, time
from pathlib import Path
from standins.postgres import Postgres
print(Postgres(Path(sys.argv[1])).start(), flush=True)
time.sleep(60)
"""


def test_it_ends_with_a_killed_starter_and_an_orphan_makes_room(tmp_path: Path) -> None:
    starter = subprocess.Popen([sys.executable, "-c", STARTER, str(tmp_path)], stdout=subprocess.PIPE)
    assert starter.stdout is not None
    assert starter.stdout.readline().startswith(b"postgresql:///storefront?")
    starter.stdout.close()
    starter.kill()
    starter.wait()
    # At once, so the old server is most likely still on its way out.
    again = Postgres(tmp_path)
    assert one(again.start(), "SELECT 1") == 1
    again.stop()
    assert not _postgres_processes_in(tmp_path / "postgres")
