"""A shopper at an address: a browser without JavaScript, over real sockets."""

from __future__ import annotations

import re
import secrets
from html import unescape
from uuid import UUID

import requests

from tests.support.factories import FORM, pay_page

PATIENCE = 15.0
"""Seconds until a shopper gives up on an answer."""


class Refusal(Exception):
    """The shop said something else than what was hoped for; its first argument is the status."""


class Visitor:
    """One person's browser. TLS ends before the shop, so cookies for https alone go over http."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.name = f"Ada {secrets.token_hex(6)}"
        self.email = f"{self.name.replace(' ', '.').lower()}@example.com"
        self.browser = requests.Session()
        self.browser.trust_env = False
        self.browser.headers.update(
            {"Sec-Fetch-Site": "same-origin", "X-Forwarded-Proto": "https", "Accept-Encoding": "br, gzip"}
        )

    def get(self, path: str) -> requests.Response:
        return self._ask("GET", path)

    def post(self, path: str, **form: str) -> requests.Response:
        return self._ask("POST", path, form)

    def _ask(self, method: str, path: str, form: dict[str, str] | None = None) -> requests.Response:
        for cookie in self.browser.cookies:
            cookie.secure = False
        return self.browser.request(
            method, self.address + path, data=form, timeout=PATIENCE, allow_redirects=False
        )

    def add(self, sku: str) -> None:
        _wanted(303, self.post("/cart/items", sku=sku, quantity="1"))

    def place(self) -> UUID:
        """Order what is in the cart: the order's id, which is what the shopper was told."""
        page = _wanted(200, self.get("/checkout"))
        answer = _wanted(303, self.post("/checkout", **_hidden(page.text), **self._form()))
        self.onward = answer.headers["Location"]
        if found := re.search(r"/orders/([0-9a-f-]{36})", self.onward):
            return UUID(found[1])
        # On to Stripe's page; the newest of the shopper's orders is the one.
        found = re.search(r"/orders/([0-9a-f-]{36})", _wanted(200, self.get("/orders")).text)
        assert found
        return UUID(found[1])

    def pay(self) -> None:
        """At Stripe, and back to the shop if it is there."""
        back = _wanted(303, pay_page(self.onward)).headers["Location"]
        self.get(re.sub(r"^https?://[^/]+", "", back))

    def _form(self) -> dict[str, str]:
        return FORM | {"name": self.name, "email": self.email}


def _hidden(page: str) -> dict[str, str]:
    """The hidden fields of the checkout's form."""
    form = re.search(r'<form[^>]*action="/checkout"[^>]*>(.*?)</form>', page, re.DOTALL)
    assert form, "no form"
    inputs = re.findall(r'<input[^>]*type="hidden"[^>]*>', form[1])
    found = ((re.search(r'name="([^"]+)"', one), re.search(r'value="([^"]*)"', one)) for one in inputs)
    return {name[1]: unescape(value[1]) for name, value in found if name and value}


def _wanted(status: int, answer: requests.Response) -> requests.Response:
    if answer.status_code != status:
        raise Refusal(answer.status_code, answer.url)
    return answer
