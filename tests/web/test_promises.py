"""Promises of docs/security.md that belong to no one feature."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import pytest
from flask import Flask, session
from pydantic import SecretStr, ValidationError

from storefront import create_app
from storefront.config import Settings
from storefront.links import OrderLinks
from storefront.process import Process
from storefront.stores import Stores
from tests.support.audit import sound, unsound
from tests.support.bad_input import KEPT, fingerprint
from tests.support.client import add, new_browser, ordered, register
from tests.support.factories import product
from tests.support.worker import work

__all__ = ["sound", "unsound"]

ROOT = Path(__file__).parents[2]
LOCKS = sorted(ROOT.glob("requirements*.lock"))


def test_a_visit_changes_nothing(app: Flask, stores: Stores, process: Process, stripe: str) -> None:
    """Every address that answers a GET, asked by the owner of an order, a cart and an account."""
    sku, owner = product(stores, price=0), new_browser(app)
    register(owner)
    mine = ordered(owner, sku)
    work(process)
    add(owner, sku)
    tables = (*KEPT, "carts", "cart_items", "attention", "carrier_inbox")
    before, answers = fingerprint(stores, tables), set()
    for rule in app.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and rule.endpoint != "static":
            path = re.sub(r"<uuid:order_id>", str(mine), rule.rule)
            path = re.sub(r"<path:sku>", sku, path)
            path = re.sub(r"<[^>]+>", str(uuid4()), path)
            for method in ("GET", "HEAD"):
                query = {"token": "x", "key": "y", "restore": "1", "sent": "1"}
                answers.add(owner.open(path, method=method, query_string=query).status_code)
                answers.add(owner.open(path, method=method).status_code)
                assert fingerprint(stores, tables) == before, path
    assert 200 in answers


def test_every_page_escapes(app: Flask) -> None:
    app.update_template_context({})
    for name in app.jinja_env.list_templates(extensions=["html"]):
        source = (ROOT / "templates" / name).read_text()
        assert "autoescape" not in source, name
        # Of the icons, what is drawn is written there.
        assert name == "macros/icons.html" or "|safe" not in source.replace(" ", ""), name
        assert app.select_jinja_autoescape(name), name


@pytest.mark.parametrize("host", ["a" * 300, "a" * 64 + ".example", "a..example"])
def test_a_host_that_cannot_be_read_is_a_400(app: Flask, host: str) -> None:
    answer = new_browser(app).get("/", headers={"Host": host})
    assert answer.status_code == 400
    assert "<script" not in answer.text


def production(**wrong: str) -> Settings:
    right = {
        "env": "production",
        "secret_key": "k" * 40,
        "database_url": "postgresql://shop@db.example/shop?sslmode=verify-full",
        "stripe_key": "sk_live_x",
        "stripe_webhook_secret": "whsec_x",
        "carrier_webhook_secret": "whsec_x",
        "base_url": "https://shop.example",
    }
    return Settings(**(right | wrong))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("secret_key", ""),
        ("secret_key", "short"),
        ("secret_key", "development-only-secret-made-longer"),
        ("database_url", ""),
        ("stripe_key", ""),
        ("stripe_webhook_secret", ""),
        ("carrier_webhook_secret", ""),
        ("base_url", "http://shop.example"),
        ("standins", "1"),
    ],
)
def test_production_starts_with_secrets_of_its_own_or_not_at_all(name: str, value: str) -> None:
    assert production().production
    with pytest.raises(ValidationError) as refused:
        production(**{name: value})
    assert "k" * 40 not in str(refused.value)


def test_a_key_is_rotated_in_three_deployments_without_ending_a_session(settings: Settings) -> None:
    """Both keys are read everywhere before the new one signs; the old one goes when nothing bears it."""
    old, new, order_id = "o" * 40, "n" * 40, uuid4()

    def deployed(key: str, *fallbacks: str) -> tuple[Flask, OrderLinks]:
        keys = {"secret_key": SecretStr(key), "secret_key_fallbacks": SecretStr(", ".join(fallbacks))}
        made = settings.model_copy(update=keys)
        return create_app(made), OrderLinks(made)

    before, with_fallback, swapped, after = (
        deployed(old), deployed(old, new), deployed(new, old), deployed(new),
    )  # fmt: skip
    for (signs, links), (reads, others) in (
        (before, with_fallback), (with_fallback, before), (with_fallback, swapped), (swapped, with_fallback),
        (swapped, after),
    ):  # fmt: skip
        with signs.test_request_context():
            session["shopper"] = "x"
            signed = signs.session_interface.get_signing_serializer(signs).dumps(dict(session))  # type: ignore[attr-defined]
        told = reads.session_interface.get_signing_serializer(reads).loads(signed)  # type: ignore[attr-defined]
        assert told["shopper"] == "x"
        assert others.opens(order_id, links.key(order_id, 10**10), 0)
    assert not after[1].opens(order_id, before[1].key(order_id, 10**10), 0), (
        "the old key is worth nothing now"
    )


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_locked_version_has_its_hashes(lock: Path) -> None:
    pinned = re.split(r"\n(?=[a-zA-Z0-9])", lock.read_text().replace("\\\n", " ").strip())
    packages = [line for line in pinned if "==" in line]
    assert packages
    assert [line.split()[0] for line in packages if "--hash=sha256:" not in line] == []


def test_no_form_of_the_shop_asks_for_a_card() -> None:
    """Only Stripe's own page does."""
    for page in sorted((ROOT / "templates").rglob("*.html")):
        assert not re.search(r"cc-(number|csc|exp)|card_?number", page.read_text()), page.name
