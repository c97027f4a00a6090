"""Stands between the shop and PostgreSQL and cuts the connection at a COMMIT, before or after it is done."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlencode

from psycopg.conninfo import conninfo_to_dict

COMMIT = b"COMMIT\x00"
"""The statement itself, and not BEGIN ISOLATION LEVEL READ COMMITTED."""


class Lost(StrEnum):
    NOTHING = "nothing"
    ACKNOWLEDGEMENT = "acknowledgement"
    """COMMIT reaches the server, which does it; its answer reaches nobody."""
    COMMIT = "commit"
    """COMMIT reaches nobody."""


class CommitProxy:
    """``url`` leads through it. ``lose`` says what happens to the next COMMIT; ``lost`` counts."""

    def __init__(self, url: str) -> None:
        told = conninfo_to_dict(url)
        self._socket = str(Path(str(told["host"])) / f".s.PGSQL.{told.get('port', 5432)}")
        self._next = Lost.NOTHING
        self._lock = threading.Lock()
        self.lost = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        query = urlencode({"sslmode": "disable", "gssencmode": "disable"})
        port = self._listener.getsockname()[1]
        self.url = f"postgresql://{told['user']}@127.0.0.1:{port}/{told['dbname']}?{query}"
        threading.Thread(target=self._accept, daemon=True).start()

    def lose(self, what: Lost) -> None:
        with self._lock:
            self._next, self.lost = what, 0

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._socket)
            silent = threading.Event()
            threading.Thread(target=self._up, args=(client, server, silent), daemon=True).start()
            threading.Thread(target=self._down, args=(server, client, silent), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket, silent: threading.Event) -> None:
        """From the shop to the server, with an eye on COMMIT."""
        with suppress(OSError):
            while data := client.recv(65536):
                lost = self._take() if COMMIT in data else Lost.NOTHING
                if lost is Lost.COMMIT:
                    break
                if lost is Lost.ACKNOWLEDGEMENT:
                    silent.set()
                server.sendall(data)
                if lost is Lost.ACKNOWLEDGEMENT:
                    # The other direction closes both once the answer is there.
                    return
        _close(client, server)

    def _down(self, server: socket.socket, client: socket.socket, silent: threading.Event) -> None:
        with suppress(OSError):
            while (data := server.recv(65536)) and not silent.is_set():
                client.sendall(data)
        _close(client, server)

    def _take(self) -> Lost:
        with self._lock:
            taken, self._next = self._next, Lost.NOTHING
            self.lost += taken is not Lost.NOTHING
            return taken


def _close(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
