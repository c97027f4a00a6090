"""Stands before an HTTP store and cuts its replies after so many bytes, of head and body together."""

from __future__ import annotations

import http.client
import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit


class Cutter:
    """Passes requests on to ``target``. A reply to one that holds ``match`` ends after ``cut`` bytes, and the
    connection with it; None cuts nothing. ``longest`` is the longest of those replies so far.

    A reply that was given once is given again from memory as long as ``cut`` is set: reads don't change.
    """

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target).netloc
        self.cut: int | None = None
        self.match = b""
        self.longest = 0
        self._kept: dict[bytes, bytes] = {}
        self.remember = True
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def forget(self) -> None:
        """What was kept of earlier replies is asked for anew."""
        self._kept.clear()
        self.longest = 0

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client, client.makefile("rb") as stream:
            while first := stream.readline():
                headers = http.client.parse_headers(stream)
                body = stream.read(int(headers.get("content-length", 0)))
                target = headers.get("x-amz-target", "").encode()
                reply = self._reply(first.decode().split()[1], headers, body, target)
                if self.match not in target or self.cut is None:
                    client.sendall(reply)
                    continue
                self.longest = max(self.longest, len(reply))
                client.sendall(reply[: self.cut])
                if self.cut < len(reply):
                    return

    def _reply(self, path: str, headers: http.client.HTTPMessage, body: bytes, target: bytes) -> bytes:
        known = self._kept.get(target + body) if self.cut is not None and self.remember else None
        if known is not None:
            return known
        connection = http.client.HTTPConnection(self._target, timeout=10)
        connection.request("POST", path, body, dict(headers.items()))
        answer = connection.getresponse()
        told = answer.read()
        connection.close()
        head = [f"HTTP/1.1 {answer.status} {answer.reason}"]
        head += [f"{name}: {value}" for name, value in answer.getheaders() if name.lower() not in _HOPS]
        reply = "\r\n".join([*head, f"content-length: {len(told)}", "", ""]).encode() + told
        self._kept[target + body] = reply
        return reply


_HOPS = ("content-length", "transfer-encoding", "connection")
