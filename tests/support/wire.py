"""A wire of bytes between the shop and a store, which can break in every way that wires break.

It knows nothing of what passes, so that PostgreSQL's protocol and HTTP meet the same faults.
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
import time
from contextlib import suppress
from enum import StrEnum
from urllib.parse import urlsplit

from psycopg.conninfo import conninfo_to_dict

DELAY = 3.0
"""Seconds."""
CUT_AFTER = 20
"""Bytes of a reply that come through before it is cut."""


class Fault(StrEnum):
    """What happens to whatever passes from now on."""

    NONE = "none"
    REFUSE = "refuse"
    """Nobody is there: connections are closed at once, those that are open too."""
    RESET = "reset"
    """The connection is reset when something is sent."""
    CUT_BEFORE = "cut before"
    """What is sent does not arrive, and the connection ends."""
    CUT_AFTER = "cut after"
    """A reply ends after a few bytes."""
    LOST_REPLY = "lost reply"
    """What is sent arrives and is done; no byte of the reply comes back."""
    DELAY = "delay"
    """It takes three seconds until what is sent arrives."""
    HANG = "hang"
    """Everything is taken and nothing answered."""
    BLACK_HOLE = "black hole"
    """What is open hangs, and nobody even takes a new connection."""


class Wire:
    """Listens on loopback for whoever should reach ``target``: an http address or PostgreSQL's URL."""

    def __init__(self, target: str) -> None:
        self._target = target
        self.fault = Fault.NONE
        self.met = 0
        """How often the fault was met."""
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._fillers: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._closed = False
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        if self._target.startswith("http"):
            return f"http://127.0.0.1:{self.port}"
        told = conninfo_to_dict(self._target)
        query = "sslmode=disable&gssencmode=disable"
        return f"postgresql://{told['user']}@127.0.0.1:{self.port}/{told['dbname']}?{query}"

    def order(self, fault: Fault) -> None:
        """From now on. Ending a fault ends the connections that met it."""
        with self._lock:
            before, self.fault, self.met = self.fault, fault, 0
            if fault is Fault.REFUSE or (fault is Fault.NONE and before is not Fault.NONE):
                for one in self._open:
                    _end(one)
        if fault is Fault.BLACK_HOLE:
            self._fill()
        else:
            for one in self._fillers:
                one.close()
            if self._fillers and not self._closed:
                self._listener.listen(64)
            self._fillers.clear()

    def _fill(self) -> None:
        """A queue of connections that nobody takes and that is full: the next gets no answer at all."""
        self._listener.listen(0)
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self._fillers.append(filler)

    def close(self) -> None:
        self._closed = True
        self.order(Fault.REFUSE)
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while not self._closed:
            if self.fault is Fault.BLACK_HOLE:
                time.sleep(0.02)
                continue
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.fault is Fault.REFUSE:
                self.met += 1
                _end(client)
                continue
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client, self._connect() as server:
            with self._lock:
                self._open |= {client, server}
            try:
                self._carry(client, server)
            finally:
                with self._lock:
                    self._open -= {client, server}

    def _connect(self) -> socket.socket:
        if self._target.startswith("http"):
            parts = urlsplit(self._target)
            return socket.create_connection((str(parts.hostname), parts.port or 80), timeout=10)
        told = conninfo_to_dict(self._target)
        host, port = str(told["host"]), int(told.get("port") or 5432)
        if not host.startswith("/"):
            return socket.create_connection((host, port), timeout=10)
        server = socket.socket(socket.AF_UNIX)
        server.connect(f"{host}/.s.PGSQL.{port}")
        return server

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ)
            ready.register(server, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select(0.5):
                    data = key.fileobj.recv(65_536)  # type: ignore[union-attr]  # both are sockets
                    if not data:
                        return
                    passes = (
                        self._sent(data, client, server)
                        if key.fileobj is client
                        else self._told(data, client)
                    )
                    if not passes:
                        return

    def _sent(self, data: bytes, client: socket.socket, server: socket.socket) -> bool:
        """Whether the connection goes on after the shop has sent something."""
        fault = self.fault
        if fault is not Fault.NONE:
            self.met += 1
        if fault in (Fault.RESET, Fault.CUT_BEFORE, Fault.REFUSE):
            if fault is Fault.RESET:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        while self.fault in (Fault.HANG, Fault.BLACK_HOLE):
            time.sleep(0.02)
            if fault is not self.fault:
                return False
        if fault is Fault.DELAY:
            deadline = time.monotonic() + DELAY
            while time.monotonic() < deadline and self.fault is Fault.DELAY:
                time.sleep(0.02)
        server.sendall(data)
        return True

    def _told(self, data: bytes, client: socket.socket) -> bool:
        """Whether the connection goes on after the store has answered."""
        if self.fault is Fault.LOST_REPLY:
            return False
        if self.fault is Fault.CUT_AFTER:
            client.sendall(data[:CUT_AFTER])
            return False
        client.sendall(data)
        return True


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
