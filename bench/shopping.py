"""A shopper of the bench, who fills a cart, orders, pays on the stand-in's hosted page, and looks."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import urlsplit

from bench.cost import Answer, Asked, Client, client

FORM = {
    "email": "bench@example.com",
    "name": "Bench Shopper",
    "line1": "1 Long Row",
    "city": "Portland",
    "region": "OR",
    "zip": "97201",
    "country": "US",
    "phone": "",
}
CARD = {"number": "4242424242424242", "exp": "12/34", "cvc": "123"}
_HIDDEN = re.compile(r'<input[^>]*type="hidden"[^>]*>')
_NAME, _VALUE = re.compile(r'name="([^"]*)"'), re.compile(r'value="([^"]*)"')
_ACTION = re.compile(r'<form[^>]*action="([^"]*)"')


class Shopper:
    """Keeps its cookies; ``asked`` makes a request of it that somebody else sends."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._cookies: dict[str, str] = {}
        self._last = b""

    def asked(self, path: str, form: dict[str, str] | None = None) -> Asked:
        jar = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        return Asked(path, form, {"Cookie": jar} if jar else {})

    def send(self, one: Client, path: str, form: dict[str, str] | None = None) -> Answer:
        answer = one.send(self.asked(path, form))
        if answer.status not in (200, 204, 303):
            raise SystemExit(f"{path} answered {answer.status}")
        self._cookies |= answer.cookies
        return answer

    def fill(self, one: Client, skus: list[str]) -> None:
        for sku in skus:
            self.send(one, "/cart/items", {"sku": sku, "quantity": "1"})

    def order_form(self, one: Client) -> dict[str, str]:
        """The checkout's form, filled in."""
        return {**hidden(self.send(one, "/checkout").body), **FORM}

    def pay(self, page: str) -> str:
        """Pay on the hosted page; the path to which it sends back."""
        parts = urlsplit(page)
        address = f"http://{parts.netloc}"
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        # The stand-in keeps no connection.
        with client(address) as one:
            body = one.send(Asked(path)).body
        action = _ACTION.search(body.decode())
        target = unescape(action[1]) if action and action[1] else path
        with client(address) as one:
            answer = one.send(Asked(target, {**hidden(body), **CARD}))
        back = urlsplit(answer.headers["location"])
        return f"{back.path}?{back.query}" if back.query else back.path


def hidden(page: bytes) -> dict[str, str]:
    """The hidden fields of a page's forms."""
    found = {}
    for field in _HIDDEN.findall(page.decode()):
        name, value = _NAME.search(field), _VALUE.search(field)
        if name:
            found[name[1]] = unescape(value[1]) if value else ""
    return found
