"""A fault proxy between the shop and a store: TCP, with a look at each HTTP reply that passes.

Modes, each for the next ``times`` connections (or for good): ``pass``, ``delay`` seconds before anything is
passed on, ``cut`` the reply after so many bytes, ``reset`` the connection when the reply comes, ``refuse`` by
closing at once, ``blackhole``: take the request and never answer.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass
class Fault:
    """What happens to the next ``times`` connections; ``value`` is seconds or bytes, as the mode has it."""

    mode: str
    value: float = 0
    times: int = 1_000_000
    match: bytes = b""
    """Only for requests that hold these bytes."""


class Proxy:
    """Listens on a free port of loopback and passes on to ``target`` (host, port)."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._fault: Fault | None = None
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.requests = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @classmethod
    def to(cls, address: str) -> Proxy:
        parts = urlsplit(address)
        assert parts.hostname is not None
        assert parts.port is not None
        return cls((parts.hostname, parts.port))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def order(self, mode: str, value: float = 0, *, times: int = 1_000_000, match: bytes = b"") -> None:
        """From now on; ``pass`` ends it. Connections that are open are closed, so that none slips by."""
        with self._lock:
            self._fault = None if mode == "pass" else Fault(mode, value, times, match)
            for one in list(self._open):
                _close(one)

    def close(self) -> None:
        _close(self._listener)
        with self._lock:
            for one in list(self._open):
                _close(one)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(client)
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _take(self, request: bytes) -> Fault | None:
        with self._lock:
            self.requests += 1
            fault = self._fault
            if fault is None or fault.times <= 0 or fault.match not in request:
                return None
            fault.times -= 1
            return fault

    def _serve(self, client: socket.socket) -> None:
        """One request and its reply at a time, as HTTP/1.1 has it, until either side closes."""
        try:
            while request := _message(client.recv):
                fault = self._take(request)
                mode = fault.mode if fault else "pass"
                value = fault.value if fault else 0
                if mode == "refuse":
                    return
                if mode == "blackhole":
                    client.settimeout(30)
                    client.recv(1)
                    return
                if mode == "delay":
                    threading.Event().wait(value)
                reply = self._ask(request)
                if mode == "reset":
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                client.sendall(reply[: int(value)] if mode == "cut" else reply)
                if mode == "cut":
                    return
        except OSError:
            pass
        finally:
            with self._lock:
                self._open.discard(client)
            _close(client)

    def _ask(self, request: bytes) -> bytes:
        with socket.create_connection(self._target, timeout=30) as server:
            server.sendall(request)
            return _message(server.recv)


def _message(receive: Callable[[int], bytes]) -> bytes:
    """A whole HTTP message with a content-length, or what came before the other side closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = receive(65536)
        if not more:
            return data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ),
        0,
    )
    while len(body) < length:
        more = receive(65536)
        if not more:
            break
        body += more
    return head + b"\r\n\r\n" + body


def _close(one: socket.socket) -> None:
    # close() alone wakes no thread that reads from it; after SO_LINGER 0, shutdown would spoil the reset.
    with suppress(OSError):
        if one.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) != struct.pack("ii", 1, 0):
            one.shutdown(socket.SHUT_RDWR)
    with suppress(OSError):
        one.close()
