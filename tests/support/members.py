"""Customers for tests that begin with one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from secrets import token_hex

from playwright.sync_api import APIResponse, BrowserContext

from tests.support.factories import FORM

PASSWORD = "a quiet garden gate"


@dataclass(frozen=True)
class Member:
    """A customer who can sign in."""

    email: str
    password: str = PASSWORD


def register(context: BrowserContext, shop: str) -> Member:
    """Sign this browser in to a new account, without a page being opened."""
    member = Member(f"ada.{token_hex(6)}@example.com")
    post(
        context, shop, "/register", {"name": "Ada Marsh", "email": member.email, "password": member.password}
    )
    return member


def add_address(context: BrowserContext, shop: str, **changes: str) -> None:
    """Save an address in this browser's account."""
    typed = {name: value for name, value in FORM.items() if name != "email"}
    post(context, shop, "/account/addresses", {**typed, **changes})


def add_to_cart(context: BrowserContext, shop: str, sku: str) -> None:
    post(context, shop, "/cart/items", {"sku": sku, "quantity": "1"})


def post(context: BrowserContext, shop: str, path: str, form: dict[str, str]) -> APIResponse:
    """Send a form as the shop's own page would."""
    page = context.request.get(shop + "/track").text()
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token
    answer = context.request.post(
        shop + path, form={**form, "csrf_token": token[1]}, headers={"Origin": shop}
    )
    assert answer.ok, f"{path}: {answer.status} {answer.text()[:300]}"
    return answer
