"""A PostgreSQL and its synchronous standby, made of the wheel's own programs."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import psycopg

from standins.postgres import DATABASE, OWNER, Postgres, _program
from standins.privileges import before_exec, ordinary_user

NAME = "standby"


class Node(Postgres):
    """A server that can be killed, and can come back as a reader of another."""

    def run(self) -> str:
        """Start it, whatever it is; the URL of the shop's database."""
        # A reader can't make the database that it has from its writer.
        with suppress(psycopg.errors.ReadOnlySqlTransaction):
            self.start()
        return self.url(DATABASE)

    def kill(self) -> None:
        """All of it at once, as when its machine is gone."""
        assert self._server is not None
        os.killpg(self._server.pid, signal.SIGKILL)
        self._server.wait()

    def say(self, statement: str) -> object:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            cursor = connection.execute(statement)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None

    def follow(self, writer: Node) -> None:
        """Become a reader of ``writer`` at the next start."""
        (self._cluster / "standby.signal").touch()
        with (self._cluster / "postgresql.auto.conf").open("a") as file:
            file.write(f"synchronous_standby_names = ''\nprimary_conninfo = '{writer.upstream}'\n")

    @property
    def upstream(self) -> str:
        return f"host={self._socket_folder()} user={OWNER} application_name={NAME}"


def synchronous_pair(folder: Path) -> tuple[Node, Node]:
    """A writer whose commits wait until the reader has them too."""
    for name in ("a", "b"):
        (folder / name).mkdir()
    writer, reader = Node(folder / "a"), Node(folder / "b")
    writer.run()
    user = ordinary_user(writer._cluster)
    copy = reader._cluster
    copy.mkdir(mode=0o700)
    if user is not None:
        os.chown(copy, user.pw_uid, user.pw_gid)
    command = [_program("pg_basebackup"), "-d", writer.upstream, "-D", str(copy), "-R", "-X", "stream"]
    subprocess.run(
        [*command, "-c", "fast"],
        check=True,
        cwd=copy,
        preexec_fn=before_exec(user, signal.SIGKILL),
        capture_output=True,
        timeout=60,
    )
    reader.run()
    writer.say(f"ALTER SYSTEM SET synchronous_standby_names = '{NAME}'")
    writer.say("SELECT pg_reload_conf()")
    return writer, reader
