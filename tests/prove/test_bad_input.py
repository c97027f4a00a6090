"""Ten thousand wrong requests from strangers, two thousand from somebody with orders and an account."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from flask import Flask

from storefront.process import Process
from storefront.stores import Stores
from tests.support.audit import sound, unsound
from tests.support.bad_input import TRACES, send
from tests.support.client import add, new_browser, ordered, register, user_of
from tests.support.factories import order, product
from tests.support.strangers import Strangers
from tests.support.till import capture
from tests.support.worker import pack, work

__all__ = ["sound", "unsound"]

pytestmark = pytest.mark.prove

FROM_STRANGERS = 10_000
FROM_AN_OWNER = 2_000


@pytest.fixture
def somebodys(app: Flask, stores: Stores, process: Process, stripe: str) -> list[str]:
    """What a stranger may name of others: orders in several states, SKUs, a number, a parcel's code."""
    skus = [product(stores), product(stores, name="<b>&\u202e")]
    unpaid, paid = order(stores, skus[0]), order(stores, *skus)
    capture(stores, paid)
    work(process)
    code = pack(stores, paid).tracking_code
    return [str(unpaid), str(paid), *skus, stores.orders.summary(paid).number, code]


@pytest.mark.parametrize("seed", range(4))
def test_strangers_get_an_answer_and_change_nothing(
    app: Flask, stores: Stores, somebodys: list[str], seed: int
) -> None:
    seen = send(app, stores, Strangers(app, 100 + seed, somebodys), FROM_STRANGERS // 4)
    print(f"\n{sum(seen.values())} requests: {dict(sorted(seen.items()))}")


@pytest.mark.parametrize("seed", range(2))
def test_an_owner_out_of_step_breaks_nothing(
    app: Flask, stores: Stores, process: Process, somebodys: list[str], seed: int
) -> None:
    """Their own orders may end in any state; the audit that follows says whether the books are right."""
    chance = random.Random(seed)
    browser, seen = new_browser(app), Counter[int]()
    register(browser)
    sku = product(stores, quantity=10_000)
    paid = order(stores, sku, user_id=user_of(browser))  # type: ignore[arg-type]
    capture(stores, paid)
    mine = [str(paid), *(str(ordered(browser, sku)) for _ in range(2))]
    work(process)
    strangers = Strangers(app, 200 + seed, [*mine, *mine, sku, *somebodys])
    for number, request in enumerate(strangers.requests(FROM_AN_OWNER // 2, headers=False)):
        if number % 20 == 0:
            # Otherwise limits would answer most of it, and the owner would soon be signed out.
            browser.environ_base["REMOTE_ADDR"] = f"10.9.{chance.randrange(256)}.{chance.randrange(256)}"
            if browser.get("/account").status_code != 200:
                register(browser)
            add(browser, sku)
        answer = browser.open(request.path, **request.arguments())
        seen[answer.status_code] += 1
        told = answer.get_data()[:20_000].decode("utf-8", "replace")
        unavailable = answer.status_code == 503 and answer.headers.get("Retry-After")
        assert answer.status_code < 500 or unavailable, f"{answer.status_code}: {request}\n{told[:2000]}"
        assert not [trace for trace in TRACES if trace in told], f"a trace: {request}\n{told[:2000]}"
        if number % 100 == 0:
            work(process)
    print(f"\n{sum(seen.values())} requests: {dict(sorted(seen.items()))}")
