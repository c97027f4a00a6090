"""What stays in the data folder from one start to the next: secrets, and the ports of the stand-ins."""

from __future__ import annotations

import base64
import json
import os
import random
import secrets
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


def _webhook_secret() -> str:
    """As Standard Webhooks and Stripe spell one."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


SECRETS: Mapping[str, Callable[[], str]] = {
    "secret_key": lambda: secrets.token_urlsafe(48),
    "stripe_key": lambda: "sk_test_" + secrets.token_hex(24),
    "stripe_webhook_secret": _webhook_secret,
    "carrier_webhook_secret": _webhook_secret,
}

# Below Linux's range for outgoing connections (32768 up), so that none of those has taken one meanwhile, and
# above all ports that browsers refuse.
PORTS = range(20_000, 32_000)


def secrets_of(data: Path) -> dict[str, str]:
    """Those of ``SECRETS``, each made at the first time it is asked for."""
    path = data / "secrets.json"
    stored: dict[str, str] = read_json(path) or {}
    missing = {name: make() for name, make in SECRETS.items() if name not in stored}
    if missing:
        stored |= missing
        write_private(path, stored)
    return stored


def port_of(data: Path, name: str) -> int:
    """The port that ``name`` had before if it is free, or else a new one.

    Pages of the Stripe stand-in are open in browsers, and links to them are stored: a port that changes with
    every start would break them.
    """
    path = data / "ports.json"
    ports: dict[str, int] = read_json(path) or {}
    if name in ports and _is_free(ports[name]):
        return ports[name]
    port = next(p for p in random.sample(PORTS, len(PORTS)) if p not in ports.values() and _is_free(p))
    write_private(path, ports | {name: port})
    return port


def read_json(path: Path) -> Any:
    """None where there is nothing readable."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def write_private(path: Path, value: Any) -> None:
    """Replace a file at once; only we may read it, from its first moment on."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(value, file, indent=2)
        file.flush()
        os.fsync(descriptor)
    new.replace(path)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
