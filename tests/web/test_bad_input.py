"""A few hundred wrong requests; tests/prove/test_bad_input.py sends ten thousand."""

from __future__ import annotations

from uuid import UUID

import pytest
from flask import Flask

from storefront.process import Process
from storefront.stores import Stores
from tests.support.audit import sound, unsound
from tests.support.bad_input import fingerprint, send
from tests.support.client import add, new_browser, ordered
from tests.support.factories import order, product
from tests.support.strangers import Strangers

__all__ = ["sound", "unsound"]


@pytest.fixture
def somebodys(app: Flask, stores: Stores, process: Process, stripe: str) -> list[str]:
    """What a stranger may name of others: orders, SKUs, numbers."""
    sku = product(stores)
    ids: list[UUID] = [order(stores, sku), ordered(new_browser(app), sku)]
    return [*map(str, ids), sku, stores.orders.summary(ids[0]).number]


def test_wrong_requests_are_answered_and_change_nothing(
    app: Flask, stores: Stores, somebodys: list[str]
) -> None:
    seen = send(app, stores, Strangers(app, 1, somebodys), 300)
    assert {200, 400, 404, 405} <= set(seen)


def test_control_a_change_is_noticed(app: Flask, stores: Stores, somebodys: list[str]) -> None:
    before = fingerprint(stores)
    browser = new_browser(app)
    add(browser, somebodys[2])
    assert fingerprint(stores) == before, "a cart is the stranger's own"
    order(stores, somebodys[2])
    assert fingerprint(stores) != before
