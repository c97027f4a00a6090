"""Three PostgreSQL under Patroni, which elects their writer in etcd, and HAProxy before them: what Aurora is.

etcd is one process here: it is not what is tried. Commits wait for a second node (synchronous mode).
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
import yaml

from standins.postgres import OWNER, _postgres_processes_in, _program
from standins.privileges import before_exec, ordinary_user
from tests.support.concurrency import wait_until
from tests.support.web import free_port

PROGRAMS = Path(__file__).parents[2] / ".venv-cluster" / "bin"
LEASE = 20
"""Seconds until a writer that says nothing more is taken for dead; Patroni's least."""
_PATH = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"


def missing() -> str:
    """What has to be installed before this can run, in one line; empty if nothing."""
    needed = {"etcd": "etcd-server", "haproxy": "haproxy"}
    lacking = [package for program, package in needed.items() if shutil.which(program, path=_PATH) is None]
    words = [f"Debian's {' and '.join(lacking)}"] if lacking else []
    if not (PROGRAMS / "patroni").exists():
        words.append("what requirements-cluster.lock names (make prove-cluster installs it)")
    return "needs " + ", ".join(words) if words else ""


class Program:
    """One that runs until it is stopped; what it says goes to a file beside its data."""

    def __init__(self, folder: Path, *command: str, env: Mapping[str, str] | None = None) -> None:
        folder.mkdir(exist_ok=True, parents=True)
        user = ordinary_user(folder)
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        with (folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **(env or {}), "PATH": _PATH},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=before_exec(user, signal.SIGKILL),
            )

    def stop(self, bound: float = 20) -> None:
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            self._process.terminate()
            self._process.wait(bound)
        self.kill()

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)


class Member:
    """A node: Patroni and the PostgreSQL that it tends."""

    def __init__(self, folder: Path, name: str, etcd: int) -> None:
        self.name, self.folder = name, folder / name
        self.port, self.control = free_port(), free_port()
        self._configuration = folder / f"{name}.yaml"
        self._configuration.write_text(yaml.safe_dump(self._settings(etcd)))
        self._configuration.chmod(0o644)
        self.start()

    def start(self) -> None:
        self._program = Program(self.folder, str(PROGRAMS / "patroni"), str(self._configuration))

    def stop(self) -> None:
        self._program.stop()

    def kill(self) -> None:
        """All of it at once, as when its machine is gone."""
        self._program.kill()
        for pid in _postgres_processes_in(self.folder / "data"):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def state(self) -> dict[str, Any]:
        """What Patroni says of it; nothing while it says nothing."""
        try:
            told: dict[str, Any] = requests.get(f"http://127.0.0.1:{self.control}/patroni", timeout=2).json()
        except requests.RequestException:
            return {}
        return told

    @property
    def role(self) -> str:
        """``primary``, ``sync_standby``, ``replica``, or nothing."""
        told = self.state()
        if told.get("state") not in ("running", "streaming"):
            return ""
        return "sync_standby" if told.get("sync_standby") else str(told.get("role"))

    def _settings(self, etcd: int) -> dict[str, Any]:
        here = "127.0.0.1"
        own = {"username": OWNER}
        return {
            "scope": "shop",
            "name": self.name,
            "restapi": {"listen": f"{here}:{self.control}", "connect_address": f"{here}:{self.control}"},
            "etcd3": {"host": f"{here}:{etcd}"},
            "bootstrap": {
                "dcs": {
                    "ttl": LEASE,
                    "loop_wait": 2,
                    "retry_timeout": 5,
                    "synchronous_mode": True,
                    "postgresql": {"use_pg_rewind": True, "parameters": {"max_connections": 100}},
                },
                "initdb": [{"locale": "C.UTF-8"}, {"encoding": "UTF8"}, "data-checksums"],
            },
            "postgresql": {
                "listen": f"{here}:{self.port}",
                "connect_address": f"{here}:{self.port}",
                "data_dir": str(self.folder / "data"),
                "bin_dir": str(Path(_program("postgres")).parent),
                "authentication": {"superuser": own, "replication": own, "rewind": own},
                "pg_hba": [f"host all all {here}/32 trust", f"host replication all {here}/32 trust"],
                "parameters": {"unix_socket_directories": "", "shared_buffers": "64MB", "timezone": "UTC"},
            },
        }


class Cluster:
    """Ready when a writer and a synchronous standby are: ``start`` waits for them."""

    def __init__(self, folder: Path) -> None:
        client, peer = free_port(), free_port()
        told, between = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
        self._etcd = Program(
            folder / "etcd",
            *("etcd", "--data-dir", "data", "--listen-client-urls", told, "--advertise-client-urls", told),
            *("--listen-peer-urls", between, "--initial-advertise-peer-urls", between),
            *("--initial-cluster", f"default={between}"),
        )
        self.members = [Member(folder, f"node{number}", client) for number in (1, 2, 3)]

    def start(self) -> None:
        wait_until(self.whole, bound=90)

    def whole(self) -> bool:
        """A writer, a standby that it waits for, and one more."""
        return sorted(one.role for one in self.members) == ["primary", "replica", "sync_standby"]

    def the(self, role: str) -> Member:
        return wait_until(lambda: next((one for one in self.members if one.role == role), None), bound=60)

    def switch_over(self) -> None:
        """Let the standby be the writer, as planned maintenance does."""
        leader, candidate = self.the("primary"), self.the("sync_standby")
        asked = {"leader": leader.name, "candidate": candidate.name}
        address = f"http://127.0.0.1:{leader.control}/switchover"
        requests.post(address, json=asked, timeout=60).raise_for_status()

    def stop(self) -> None:
        for one in self.members:
            one.stop()
        self._etcd.stop()


class Balancer:
    """HAProxy: the writer's and the readers' names, and the shop's address before its web processes."""

    def __init__(self, folder: Path, members: Sequence[Member], web: Sequence[int]) -> None:
        self.writer, self.readers, self.shop = free_port(), free_port(), free_port()
        file = folder / "haproxy.cfg"
        file.write_text(self._configuration(members, web))
        file.chmod(0o644)
        self._program = Program(folder / "haproxy", "haproxy", "-db", "-f", str(file))

    def url(self, port: int) -> str:
        return f"postgresql://{OWNER}@127.0.0.1:{port}/storefront?sslmode=disable&gssencmode=disable"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.shop}"

    def stop(self) -> None:
        self._program.stop()

    def _configuration(self, members: Sequence[Member], web: Sequence[int]) -> str:
        nodes = "".join(
            f"  server {one.name} 127.0.0.1:{one.port} check port {one.control}"
            " on-marked-down shutdown-sessions\n"
            for one in members
        )
        tasks = "".join(f"  server web{port} 127.0.0.1:{port} check\n" for port in web)
        # A balancer of AWS sends to all when none is well, HAProxy to none: it asks who is alive, not ready.
        return f"""
defaults
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  default-server inter 500ms fall 2 rise 1
  retries 2
  option redispatch
listen writer
  mode tcp
  bind 127.0.0.1:{self.writer}
  option httpchk GET /primary
{nodes}
listen readers
  mode tcp
  bind 127.0.0.1:{self.readers}
  option httpchk GET /read-only
{nodes}
listen shop
  mode http
  bind 127.0.0.1:{self.shop}
  option httpchk GET /healthz
  option forwardfor
{tasks}"""
