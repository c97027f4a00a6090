"""Where a shop listens, where it keeps its data, and that nobody else does so too."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from storefront.cli.refused import Refused

FREE_SECONDS = 2.0
"""For the port: the processes of a shop that was killed just now may still hold it."""


@dataclass(frozen=True)
class Place:
    host: str
    port: int
    data: Path

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """As HOST, PORT and STOREFRONT_DATA say. Raises ``Refused`` for a port that is none."""
        port = environment.get("PORT") or "8000"
        if not (port.isascii() and port.isdigit() and int(port) < 65536):
            raise Refused(f"PORT={port} is not a port")
        return cls(
            host=environment.get("HOST") or "127.0.0.1",
            port=int(port),
            data=data_folder(environment),
        )

    def at(self, port: int) -> Self:
        return replace(self, port=port)

    @property
    def address(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def address_here(self) -> str:
        """As this machine reaches it: one can listen on all addresses but not call them."""
        everywhere = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  # looked up, not bound
        return f"http://{everywhere[self.host]}:{self.port}" if self.host in everywhere else self.address


def data_folder(environment: Mapping[str, str]) -> Path:
    return Path(environment.get("STOREFRONT_DATA") or ".storefront")


def claim(place: Place) -> socket.socket:
    """A socket that keeps other shops off the port for as long as it is open; it never listens.

    The web server shares its port between its workers, and so would a second shop: half of the requests would
    go to each. A plain bind tells whether anybody is there; the shared one then makes the next one's fail.
    Raises ``Refused`` where the port can't be had.
    """
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    deadline = time.monotonic() + FREE_SECONDS
    while True:
        plain, shared = socket.socket(family), socket.socket(family)
        shared.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        for each in (plain, shared):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            plain.bind((place.host, place.port))
            found = plain.getsockname()
            plain.close()
            shared.bind(found)
            return shared
        except OSError as error:
            plain.close()
            shared.close()
            if error.errno != errno.EADDRINUSE:
                raise Refused(f"can't listen on {place.address}: {error.strerror}") from None
            if time.monotonic() > deadline:
                raise Refused(f"{place.address} is in use; set PORT to another") from None
            time.sleep(0.05)
