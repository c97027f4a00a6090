"""Fault 35: a key is rotated in three deployments.

While each replaces the one before, requests of one browser meet both, and none of what it holds is refused:
session, form, mailed link.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import pytest
from flask import Flask
from pydantic import SecretStr

from storefront import create_app
from storefront.links import OrderLinks
from storefront.process import Process
from storefront.stores import Stores
from tests.support.client import add, fields, new_browser
from tests.support.factories import FORM, product

OLD, NEW = "o" * 40, "n" * 40


class Version(NamedTuple):
    """One deployment: its key, and what else it reads."""

    key: str
    fallbacks: str = ""


BEFORE, FIRST, SECOND, THIRD = Version(OLD), Version(OLD, NEW), Version(NEW, OLD), Version(NEW)
# By the third nobody bears anything of the old key: it comes when no session of that key can live any more.
MEETINGS = [(BEFORE, FIRST), (FIRST, BEFORE), (FIRST, SECOND), (SECOND, FIRST), (SECOND, THIRD)]


def deployed(process: Process, version: Version) -> Flask:
    keys = {
        "secret_key": SecretStr(version.key),
        "secret_key_fallbacks": SecretStr(version.fallbacks),
    }
    made = create_app(process.settings.model_copy(update=keys))
    # On the test's own connections, with this version's keys.
    own = made.extensions["storefront"]
    for name in ("engines", "dynamodb", "stripe", "mailer"):
        own.__dict__[name] = getattr(process, name)
    return made


def order_by(here: Flask, there: Flask, sku: str) -> tuple[int, UUID | None]:
    """Fill a cart and read the checkout here, send it there: the status, and the order that was placed."""
    browser = new_browser(here)
    add(browser, sku)
    page = browser.get("/checkout")
    browser.application = there
    placed = browser.post("/checkout", data={**FORM, **fields(page, "/checkout")})
    if placed.status_code != 303:
        return placed.status_code, None
    listed = browser.get("/orders").text
    order_id = UUID(listed.partition("/orders/")[2][:36])
    browser.application = here
    assert browser.get(f"/orders/{order_id}").status_code == 200, "its own order, on the way back"
    return placed.status_code, order_id


@pytest.mark.parametrize(("here", "there"), MEETINGS)
def test_session_form_and_link_of_one_version_are_read_by_the_other(
    process: Process, stores: Stores, stripe: str, here: Version, there: Version
) -> None:
    one, other = deployed(process, here), deployed(process, there)
    status, order_id = order_by(one, other, product(stores))
    assert (status, order_id is not None) == (303, True)
    assert order_id is not None
    links = OrderLinks(one.extensions["storefront"].settings)
    link = links.order(order_id, datetime.now(UTC)).removeprefix(process.settings.base_url)
    opened = new_browser(other).get(link, follow_redirects=True)
    assert opened.status_code == 200
    assert FORM["line1"] in opened.text or str(order_id) in opened.text


def test_with_the_first_left_out_the_form_of_the_new_is_refused_by_the_old(
    process: Process, stores: Stores, stripe: str
) -> None:
    """The control: what the three deployments are for."""
    new, old = deployed(process, SECOND), deployed(process, BEFORE)
    assert order_by(new, old, product(stores))[0] == 400


def test_a_form_whose_token_alone_is_of_the_old_key_is_taken(
    process: Process, stores: Stores, stripe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that stood open while its session was signed anew; Flask-WTF by itself knows one key."""
    before, swapped = deployed(process, FIRST), deployed(process, SECOND)
    sku = product(stores)
    assert order_by(before, swapped, sku)[0] == 303
    swapped.config.pop("WTF_CSRF_SECRET_KEY")
    assert order_by(before, swapped, sku)[0] == 400, "the control: without the list of keys it is refused"
