"""A shop under another brand says and shows nothing of the first, on any page, in any mail, icon or feed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from storefront.brand.folder import STANDARD
from storefront.config import Settings
from storefront.process import Process
from storefront.services import mail
from storefront.stores import Stores
from storefront.web.assets import STATIC
from tests.support import traces
from tests.support.client import checkout, register
from tests.support.factories import order, product
from tests.support.mailbox import Mailbox, body, make_due, paid

NINEPIN = Path(__file__).parents[1] / "support" / "ninepin"
ROOT = STATIC.parent
FIRST = traces.of(STANDARD) - traces.of(NINEPIN)
"""What is Larkfield's alone."""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    told = {name: getattr(settings, name) for name in settings.model_fields_set}
    return Settings(**told | {"brand": str(NINEPIN), "shop_name": ""})


def look(client: FlaskClient, path: str) -> str:
    """A page as it is answered, in which nothing of the first brand is left."""
    text = client.get(path).get_data(as_text=True)
    assert traces.left(FIRST, text) == [], path
    return text


def test_there_is_much_to_find() -> None:
    assert len(FIRST) > 100
    assert "larkfield" in FIRST
    home = '<h1>Well-made  things for\n house, desk and garden</h1> <p style="color:#f9f5ee">'
    assert traces.left(FIRST, home) == ["#f9f5ee", "well-made things for house, desk and garden"]


def test_every_public_page_and_file_is_the_other_brands(client: FlaskClient, stores: Stores) -> None:
    sku = product(stores, name="Pine train", category="Trains")
    home = look(client, "/")
    for path in (
        "/products", "/products?q=nothing", f"/products/{sku}", "/products/suggestions?q=pine", "/cart",
        "/checkout", "/orders", "/track", "/login", "/register", "/forgotten-password", "/help", "/returns",
        "/privacy", "/terms", "/robots.txt", "/sitemap.xml", "/feeds/products.xml",
        f"/feeds/products/{sku}.json", "/llms.txt", "/nothing-here", "/products/no-such",
    ):  # fmt: skip
        assert len(look(client, path)) > 20
    assert "Play comes first" in home
    assert "Ninepin" in look(client, "/feeds/products.xml")
    assert 'href="mailto:play@ninepin.example"' in look(client, "/help")
    loaded = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', home + look(client, "/cart")))
    assert {name.split("/")[-1].split(".")[0] for name in loaded} >= {"shop", "icon", "hero", "empty-cart"}
    for path in loaded:
        look(client, path)


def test_a_customers_pages_and_an_orders_are_the_other_brands(
    client: FlaskClient, stores: Stores, stripe: str, mailbox: Mailbox, process: Process
) -> None:
    sku = product(stores, name="Pine train", category="Trains")
    email = register(client)
    client.post("/cart/items", data={"sku": sku, "quantity": "1"})
    look(client, "/cart")
    look(client, "/checkout")
    assert checkout(client, email=email).status_code == 303
    [own] = re.findall(r'href="(/orders/[0-9a-f-]{36})"', look(client, "/orders"))
    for path in (
        own, f"{own}/tracking", f"{own}/address", "/account", "/account/addresses", "/account/profile",
        "/account/password", "/account/payment-methods", "/account/deletion", "/account/export",
    ):  # fmt: skip
        look(client, path)


def test_mails_are_the_other_brands(process: Process, stores: Stores, mailbox: Mailbox) -> None:
    sku = product(stores, name="Pine train", category="Trains", quantity=5)
    paid(stores, sku)
    order(stores, sku)
    make_due(stores)
    mail.send_due(process, stores)
    mails = mailbox.mails()
    assert len(mails) >= 2
    for one in mails:
        assert "Ninepin Toys" in str(one["From"])
        for text in (str(one), body(one), body(one, "html")):
            assert traces.left(FIRST, text) == []


def test_no_template_style_or_script_holds_anything_of_a_brand() -> None:
    """All branches of all of them, reached by a page or not."""
    sources = [*(ROOT / "templates").rglob("*.*"), *(STATIC / "css").glob("*"), *(STATIC / "js").glob("*")]
    sources += (ROOT / "storefront").rglob("*.py")
    assert len(sources) > 200
    found = {path.name: traces.left(FIRST, path.read_text()) for path in sources if path.suffix != ".pyc"}
    assert {name: one for name, one in found.items() if one} == {}


def test_a_word_planted_in_a_template_is_found(app: Flask) -> None:
    template = app.jinja_env.from_string("{% extends 'base.html' %}{% block main %}Larkfield{% endblock %}")
    with app.test_request_context("/"):
        assert traces.left(FIRST, template.render()) == ["larkfield"]
