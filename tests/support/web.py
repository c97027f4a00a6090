"""The shop's programs as production runs them, each a process of its own, on stores that a test names."""

from __future__ import annotations

import socket
import sys
from collections.abc import Mapping
from random import randrange

from pydantic import SecretStr

from storefront.config import Settings
from tests.support.processes import Running

SHOP = [sys.executable, "-m", "storefront"]


def free_port() -> int:
    """One that no outgoing connection takes meanwhile, as those above 32,767 may be."""
    while True:
        with socket.socket() as tried:
            try:
                tried.bind(("127.0.0.1", port := randrange(20_000, 32_000)))
            except OSError:
                continue
            return port


def variables(settings: Settings) -> dict[str, str]:
    """What leads a production shop to the stores of these settings; AWS's own are inherited."""
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    plain = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else str(value)
        for name, value in given.items()
        if name not in ("standins", "mail_folder")
    }
    production = {
        "env": "production",
        "secret_key": "k" * 40,
        "base_url": "https://shop.example.com",
        "trusted_proxies": "1",
        "holds_per_address": "0",
    }
    return {f"STOREFRONT_{name.upper()}": value for name, value in (plain | production).items()}


def serve(environment: Mapping[str, str], port: int, processes: int = 1) -> Running:
    """A web server at this port, ready."""
    # Compiling every module anew would take most of its start.
    own = {"PORT": str(port), "STOREFRONT_WEB_WORKERS": str(processes), "PYTHONDONTWRITEBYTECODE": ""}
    return Running(*SHOP, "serve", env={**environment, **own})
