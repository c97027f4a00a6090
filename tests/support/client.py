"""What tests of the pages do with a browser, and what every page of the shop must be."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from uuid import UUID

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.support.factories import FORM

PASSWORD = "tin lantern over the sea"

Browsers = Callable[[], FlaskClient]
"""Makes browsers, each at an address of its own."""


def new_browser(app: Flask) -> FlaskClient:
    """A fresh browser on the shop's own pages."""
    made = app.test_client()
    made.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
    # An address of its own, since look-ups are counted by address.
    made.environ_base["REMOTE_ADDR"] = ".".join(["10", *(str(byte) for byte in secrets.token_bytes(3))])
    return made


def new_email() -> str:
    """Ada's, for one test."""
    return f"ada.{secrets.token_hex(6)}@example.com"


def register(client: FlaskClient, email: str = "", **more: str) -> str:
    """Make an account in this browser, which is then signed in to it; its e-mail address."""
    email = email or new_email()
    form = {"name": "Ada Marsh", "email": email, "password": PASSWORD, **more}
    answer = client.post("/register", data=form)
    assert answer.status_code == 303, answer.text
    return email


def user_of(client: FlaskClient) -> UUID:
    """Whose browser this is."""
    with client.session_transaction() as session:
        return UUID(session["shopper"])


def fields(page: TestResponse, action: str) -> dict[str, str]:
    """The hidden fields of the form with this action."""
    form = re.search(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', page.text, re.DOTALL)
    assert form, f"no form for {action}"
    inputs = re.findall(r"<input[^>]*>", form[1])
    hidden = [one for one in inputs if 'type="hidden"' in one]
    found = {}
    for one in hidden:
        name, value = re.search(r'name="([^"]+)"', one), re.search(r'value="([^"]*)"', one)
        assert name
        found[name[1]] = value[1] if value else ""
    return found


def add(client: FlaskClient, sku: str, quantity: str = "1") -> TestResponse:
    return client.post("/cart/items", data={"sku": sku, "quantity": quantity})


def checkout(client: FlaskClient, **changes: str) -> TestResponse:
    """Fill in the checkout as it is shown and send it."""
    page = client.get("/checkout")
    assert page.status_code == 200, page.status_code
    return client.post("/checkout", data={**FORM, **fields(page, "/checkout"), **changes})


def ordered(client: FlaskClient, sku: str, quantity: str = "1") -> UUID:
    """An order placed by this browser."""
    add(client, sku, quantity)
    placed = checkout(client)
    assert placed.status_code == 303, placed.text
    listed = client.get("/orders").text
    found = re.search(r"/orders/([0-9a-f-]{36})", listed)
    assert found
    return UUID(found[1])


def readable(response: TestResponse) -> bool:
    """A page for people: a heading, a way back, and nothing of our insides."""
    text = response.text
    return (
        response.content_type.startswith("text/html")
        and re.search(r"<h1[^>]*>\s*\S", text) is not None
        and "Traceback" not in text
        and "psycopg" not in text
        and "sqlalchemy" not in text.lower()
    )


def sign_in(browser: FlaskClient, email: str, password: str = PASSWORD, **more: str):
    return browser.post("/login", data={"email": email, "password": password, **more})
