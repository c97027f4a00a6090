"""A way to PostgreSQL over TCP that can be frozen: connections stay open, take everything, answer nothing."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress

from psycopg.conninfo import conninfo_to_dict


class Frozen:
    """Listens on loopback before the server of a URL, which listens on a unix socket or on TCP."""

    def __init__(self, url: str) -> None:
        self._server = conninfo_to_dict(url)
        self._thawed = threading.Event()
        self._thawed.set()
        self._ended = threading.Event()
        self._refusing = False
        self._sockets: list[socket.socket] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        user, database = self._server["user"], self._server["dbname"]
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}?sslmode=disable&gssencmode=disable"

    def freeze(self) -> None:
        """From now on nothing passes, and nobody is told."""
        self._thawed.clear()

    def refuse(self) -> None:
        """Cut what is open and take nobody in."""
        self._refusing = True
        self._cut()

    def admit(self) -> None:
        """Take in again whoever comes."""
        self._refusing = False

    def move(self, url: str) -> None:
        """New connections lead to another server, as a name does that was moved; old ones stay."""
        self._server = conninfo_to_dict(url)

    def close(self) -> None:
        self._ended.set()
        self._thawed.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._cut()

    def _cut(self) -> None:
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(client)
            if self._refusing:
                client.close()
                continue
            self.connections += 1
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _connect(self) -> socket.socket:
        host, port = str(self._server["host"]), int(self._server.get("port") or 5432)
        if not host.startswith("/"):
            return socket.create_connection((host, port), timeout=5)
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def _carry(self, client: socket.socket) -> None:
        with suppress(OSError), client:
            self._thawed.wait()
            with self._connect() as server:
                self._sockets.append(server)
                ends = {client: server, server: client}
                while True:
                    for end in select.select(list(ends), [], [])[0]:
                        self._thawed.wait()
                        data = end.recv(65536)
                        if not data:
                            return
                        ends[end].sendall(data)
