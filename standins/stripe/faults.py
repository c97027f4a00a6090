"""Faults a test of the shop can order: an error, a wait, a connection cut before or after the work."""

from __future__ import annotations

import fnmatch
import socket
import threading
import time
from dataclasses import dataclass
from typing import Any

from flask import Response, request

from .errors import ApiError, bad_param

ACTIONS = ("status", "delay", "drop_before", "drop_after")


@dataclass
class Fault:
    match: str
    """``METHOD /path``, with ``*`` for any part."""
    action: str
    value: float
    times: int

    def described(self) -> dict[str, Any]:
        return {"match": self.match, "action": self.action, "value": self.value, "times": self.times}


class Cut(Exception):
    """Close the connection without an answer."""


class Faults:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, match: Any, action: Any, times: Any) -> Fault:
        kind, _, value = str(action).partition(":")
        if kind not in ACTIONS or not isinstance(match, str) or not isinstance(times, int) or times < 1:
            raise bad_param(f"match, times and one action of {', '.join(ACTIONS)} are needed", "action")
        try:
            fault = Fault(match, kind, float(value or 0), times)
        except ValueError:
            raise bad_param("a number belongs after the colon", "action") from None
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def listed(self) -> list[Fault]:
        with self._lock:
            return list(self._faults)

    def take(self, method: str, path: str) -> Fault | None:
        """The first fault that matches, used up by one."""
        with self._lock:
            for fault in self._faults:
                if fnmatch.fnmatchcase(f"{method} {path}", fault.match):
                    fault.times -= 1
                    if fault.times == 0:
                        self._faults.remove(fault)
                    return fault
        return None


def before(fault: Fault | None) -> None:
    """What a fault does before the work. Raises Cut, or ApiError for an ordered status."""
    if fault is None:
        return
    if fault.action == "delay":
        time.sleep(fault.value)
    elif fault.action == "drop_before":
        raise Cut
    elif fault.action == "status":
        status = int(fault.value)
        # Stripe remembers the answer for a key once work began, which a 500 means and a refusal doesn't.
        raise ApiError(status, "An error ordered by a test.", type="api_error", saved=status == 500)


def after(fault: Fault | None) -> None:
    if fault is not None and fault.action == "drop_after":
        raise Cut


def cut() -> Response:
    """Close the client's socket now; what is returned goes nowhere."""
    connection: socket.socket = request.environ["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)
    return Response(status=500)
