"""Fault 30: a store takes everything and answers nothing. One request finds out; nobody else waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from werkzeug.test import TestResponse

from storefront import create_app
from storefront.config import Settings
from storefront.domain.errors import PaymentUnavailable, StoreUnavailable
from storefront.domain.parcels import ParcelStatus
from storefront.mail.message import Recipient
from storefront.process import Process
from storefront.resilience.breaker import Breaker, State
from storefront.stores import Stores
from tests.support.client import PASSWORD, add, checkout, new_browser, ordered, register
from tests.support.concurrency import at_once, wait_until
from tests.support.factories import FORM, product
from tests.support.frozen import Frozen
from tests.support.mailbox import Mailbox
from tests.support.proxy import Proxy
from tests.support.stripe_control import signed
from tests.support.worker import tell, work

USUAL = 1.0
"""Seconds that a page takes at most on a busy machine when it waits for nobody."""


def seconds(call: Callable[[], object]) -> float:
    started = time.monotonic()
    call()
    return time.monotonic() - started


@contextmanager
def under_way(call: Callable[[], object]) -> Iterator[None]:
    """Somebody else's call meanwhile; its errors are its own."""

    def run() -> None:
        with suppress(StoreUnavailable, PaymentUnavailable):
            call()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        thread.join(10)
        assert not thread.is_alive()


def opens_within_three_seconds(breaker: Breaker) -> None:
    wait_until(lambda: breaker.state is not State.CLOSED, bound=3)


@pytest.fixture
def stripe_proxy(stripe: str, settings: Settings) -> Iterator[Proxy]:
    """Between the test's shop and Stripe."""
    made = Proxy.to(stripe)
    settings.stripe_api_base = made.address
    yield made
    made.order("pass")
    made.close()


@pytest.fixture
def shipped(proxy: Proxy, process: Process, stores: Stores, client: FlaskClient) -> UUID:
    """An order of this browser's that is on its way."""
    order_id = ordered(client, product(stores, price=0))
    work(process)
    tell(stores, order_id, ParcelStatus.IN_TRANSIT, message="Collected")
    work(process)
    return order_id


def test_30_dynamodb_hangs_and_only_who_finds_out_waits(
    proxy: Proxy, process: Process, client: FlaskClient, stores: Stores, shipped: UUID, app: Flask
) -> None:
    page = f"/orders/{shipped}"
    proxy.order("blackhole")
    with under_way(lambda: stores.deliveries.for_tracking(shipped)):
        opens_within_three_seconds(process.dynamodb.breaker)
        for path in (page, f"{page}/tracking", "/cart", "/checkout", "/", "/products"):
            assert seconds(lambda path=path: client.get(path)) < USUAL, path  # type: ignore[misc]  # mypy knows no default here
        assert "as of" in client.get(page).text
        sku = product(stores)
        assert seconds(lambda: add(client, sku)) < USUAL
        assert seconds(lambda: checkout(client)) < 3 * USUAL
        stranger = new_browser(app)
        for path in ("/login", "/register"):
            started = time.monotonic()
            assert stranger.get(path).status_code == 503
            assert time.monotonic() - started < USUAL
        sign_in = {"email": "ada@example.com", "password": PASSWORD}
        started = time.monotonic()
        assert stranger.post("/login", data=sign_in).status_code == 503
        assert time.monotonic() - started < USUAL
    proxy.order("pass")
    wait_until(lambda: "as of" not in client.get(page).text)


def test_30_without_the_breaker_everybody_waits(
    proxy: Proxy,
    client: FlaskClient,
    stores: Stores,
    shipped: UUID,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The negative control of the test above."""
    monkeypatch.setattr(Breaker, "call", lambda *_args, **_more: nullcontext())
    proxy.order("blackhole")
    with under_way(lambda: stores.deliveries.for_tracking(shipped)):
        assert seconds(lambda: client.get(f"/orders/{shipped}")) > 1.5


def test_30_a_signed_in_browser_goes_on_while_dynamodb_hangs(
    proxy: Proxy, process: Process, client: FlaskClient, stores: Stores
) -> None:
    register(client)
    sku = product(stores)
    proxy.order("blackhole")
    with under_way(lambda: client.get("/cart")):
        opens_within_three_seconds(process.dynamodb.breaker)
        assert seconds(lambda: add(client, sku)) < USUAL
        assert seconds(lambda: client.get("/cart")) < USUAL
        started = time.monotonic()
        assert client.get("/account").status_code == 503
        assert time.monotonic() - started < USUAL


def test_30_stripe_hangs_and_only_who_finds_out_waits(
    stripe_proxy: Proxy, process: Process, client: FlaskClient, stores: Stores
) -> None:
    order_id = ordered(client, product(stores))
    stripe_proxy.order("blackhole")
    with under_way(lambda: process.stripe.retrieve("pi_1")):
        opens_within_three_seconds(process.stripe.breaker)
        assert seconds(lambda: client.get(f"/orders/{order_id}")) < USUAL
        started = time.monotonic()
        assert client.post(f"/orders/{order_id}/payment").status_code == 503
        assert time.monotonic() - started < USUAL
        add(client, product(stores))
        assert seconds(lambda: checkout(client)) < 3 * USUAL
    stripe_proxy.order("pass")
    wait_until(lambda: "/c/pay/" in (client.post(f"/orders/{order_id}/payment").location or ""))


def test_30_ses_hangs_and_the_next_mail_does_not_wait_for_it(
    mailbox: Mailbox, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Proxy.to(mailbox.address)
    monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", proxy.address)
    mailer = Process(settings).mailer

    def send() -> None:
        mailer.send("password_reset", Recipient("ada@example.com", "Ada"), "r", link="http://127.0.0.1/")

    try:
        send()
        proxy.order("blackhole")
        with under_way(send):
            opens_within_three_seconds(mailer.breaker)
            started = time.monotonic()
            with pytest.raises(StoreUnavailable):
                send()
            assert time.monotonic() - started < 0.5
    finally:
        proxy.order("pass")
        proxy.close()


# --- every store hangs at once: each request still ends in time


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    form: dict[str, str]

    def ask(self, client: FlaskClient) -> TestResponse:
        if self.path == "/webhooks/stripe":
            return client.post(self.path, **signed(b'{"id": "evt_1", "created": 1, "type": "x", "data": {}}'))
        return client.open(self.path, method=self.method, data=self.form or None)


def every_route(sku: str, order_id: UUID) -> list[Route]:
    one = f"/orders/{order_id}"
    account = {"name": "Ada", "email": "ada@example.com", "password": PASSWORD, "number": "1"}
    reads = [
        *("/", "/products", "/products?q=tin", f"/products/{sku}", "/cart", "/checkout", "/orders", "/login"),
        *(
            "/register",
            "/track",
            "/account",
            "/account/addresses",
            "/account/payment-methods",
            "/sitemap.xml",
        ),
        *(one, f"{one}/tracking", f"{one}/return", f"{one}/address"),
    ]
    writes = [
        ("/cart/items", {"sku": sku, "quantity": "1"}),
        (f"/cart/items/{sku}", {"quantity": "2"}),
        ("/checkout", {**FORM, "cart_id": str(order_id), "seen": "x"}),
        *((f"{one}/{verb}", {}) for verb in ("payment", "extension", "cancellation", "reorder")),
        (f"{one}/address", FORM),
        *((path, account) for path in ("/login", "/register", "/track", "/forgot")),
        ("/webhooks/stripe", {}),
    ]
    return [*(Route("GET", path, {}) for path in reads), *(Route("POST", *write) for write in writes)]


@pytest.mark.parametrize("hanging", ["all", "all but Aurora"])
@pytest.mark.prove
def test_30_with_every_store_hanging_and_no_breaker_each_request_ends_within_its_five_seconds(
    proxy: Proxy,
    stripe_proxy: Proxy,
    settings: Settings,
    stores: Stores,
    client: FlaskClient,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    hanging: str,
) -> None:
    """Each request as if it were the first to find out."""
    register(client)
    sku = product(stores, quantity=100)
    order_id = order_of(client, stores, sku)
    aurora = Frozen(database_url)
    shop = Process(settings.model_copy(update={"database_url": SecretStr(aurora.url)}), pool_size=8)
    app = create_app(shop.settings)
    app.config["WTF_CSRF_ENABLED"] = False
    app.extensions["storefront"] = shop
    monkeypatch.setattr(Breaker, "call", lambda *_args, **_more: nullcontext())
    browser = signed_in_as(client, app)
    routes = every_route(sku, order_id)
    # Connections that are open already hang otherwise than those that are being made.
    at_once(*[lambda route=route: browser().get(route.path) for route in routes[:4]])
    for other in (proxy, stripe_proxy):
        other.order("blackhole")
    if hanging == "all":
        aurora.freeze()
    try:
        took: dict[str, tuple[float, int]] = {}

        def ask(route: Route) -> None:
            started = time.monotonic()
            status = route.ask(browser()).status_code
            took[f"{route.method} {route.path}"] = time.monotonic() - started, status

        # As many at once as a process has threads.
        for some in batched(routes, 4):
            done = at_once(*[lambda route=route: ask(route) for route in some])
            assert done.errors == []
    finally:
        aurora.close()
        shop.close()
    print("slowest", sorted(took.items(), key=lambda one: -one[1][0])[:5])
    assert {path: told for path, told in took.items() if told[0] > 5.3} == {}
    assert {path: told for path, told in took.items() if told[1] == 500} == {}


def batched(routes: list[Route], size: int) -> list[list[Route]]:
    return [routes[start : start + size] for start in range(0, len(routes), size)]


def order_of(client: FlaskClient, stores: Stores, sku: str) -> UUID:
    """An unpaid order of this browser's, with a page at Stripe."""
    order_id = ordered(client, sku)
    client.post(f"/orders/{order_id}/payment")
    return order_id


def signed_in_as(client: FlaskClient, app: Flask) -> Callable[[], FlaskClient]:
    cookie = client.get_cookie("shop")
    assert cookie is not None

    def browser() -> FlaskClient:
        made = new_browser(app)
        made.set_cookie("shop", cookie.value)
        return made

    return browser
