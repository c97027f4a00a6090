"""What the open page of an order asks for, while it is under way and at its end."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from html import unescape

from bench.cost import Asked, Client
from bench.shopping import Shopper

PART = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "order"}
MOST_SECONDS = 240
"""The carrier beside the shop moves a parcel every ten seconds."""
_POLLED = re.compile(r'data-hx-get="([^"]*)"')


def question(one: Client, shopper: Shopper, path: str) -> Asked:
    """As the page asks it: with what it shows, to which the answer is that nothing is new."""
    found = _POLLED.search(shopper.send(one, path).body.decode())
    if found is None:
        raise SystemExit(f"{path} asks for nothing")
    return _part(shopper.asked(unescape(found[1])))


def anew(shopper: Shopper, path: str) -> Asked:
    """By a page that shows nothing yet, so that it is told all."""
    return _part(shopper.asked(f"{path}/tracking"))


def wait_until_delivered(one: Client, shopper: Shopper, path: str) -> None:
    until = time.monotonic() + MOST_SECONDS
    while b'data-status="delivered"' not in shopper.send(one, path).body:
        if time.monotonic() > until:
            raise SystemExit(f"{path} was not delivered")
        time.sleep(1)


def _part(asked: Asked) -> Asked:
    return replace(asked, headers={**asked.headers, **PART, "Accept-Encoding": "identity"})
