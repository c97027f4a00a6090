"""How often something may be tried, over all processes, with DynamoDB and without."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
import time_machine
from flask import Flask
from flask.testing import FlaskClient
from limits import parse
from pydantic import SecretStr
from structlog.testing import capture_logs

from storefront import create_app
from storefront.process import Process
from storefront.repositories.dynamodb import keys
from storefront.repositories.dynamodb.limits import Counters
from storefront.stores import Stores
from storefront.web import limits
from tests.support.client import PASSWORD, add, checkout, ordered, register
from tests.support.dynamodb import cut_off_dynamodb
from tests.support.factories import FORM, order, product

AddressedBrowser = Callable[..., FlaskClient]


def somewhere() -> str:
    return ".".join(["10", *(str(b) for b in uuid4().bytes[:3])])


@pytest.fixture
def at(app: Flask) -> AddressedBrowser:
    """Makes browsers at a client address."""

    def make(address: str = "", shop: Flask = app) -> FlaskClient:
        browser = shop.test_client()
        browser.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
        browser.environ_base["REMOTE_ADDR"] = address or somewhere()
        return browser

    return make


def sign_in(browser: FlaskClient, email: str, password: str = "not the password"):
    return browser.post("/login", data={"email": email, "password": password})


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty hashes are a second: these tests count tries, not their time."""
    monkeypatch.setattr("storefront.services.passwords.verify", lambda _hash, _password: False)


@pytest.mark.usefixtures("quick")
def test_sign_in_thirty_times_in_ten_minutes_for_each_address(at: AddressedBrowser) -> None:
    browser = at()
    for number in range(30):
        assert sign_in(browser, f"{number}@example.com").status_code == 422
    refused = sign_in(browser, "one@example.com")
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 601, "ten minutes, to the next whole second"
    assert re.search(r"Please try again in \d+ minutes?", refused.text)
    assert "<h1" in refused.text
    assert sign_in(at(), "one@example.com").status_code == 422
    assert browser.get("/login").status_code == 200


def test_register_twenty_times_an_hour(at: AddressedBrowser) -> None:
    browser = at()
    for _ in range(20):
        assert browser.post("/register", data={}).status_code == 422
    refused = browser.post("/register", data={})
    assert refused.status_code == 429
    assert 600 < int(refused.headers["Retry-After"]) <= 3601


def test_look_up_thirty_times_in_ten_minutes(at: AddressedBrowser) -> None:
    browser = at()
    data = {"number": "7K3M-Q9TX", "email": "a@example.com"}
    assert {browser.post("/track", data=data).status_code for _ in range(30)} == {404}
    assert browser.post("/track", data=data).status_code == 429


def test_checkout_and_cart_have_no_limit(at: AddressedBrowser, stores: Stores) -> None:
    browser, sku = at(), product(stores)
    assert {
        browser.post("/cart/items", data={"sku": sku, "quantity": "1"}).status_code for _ in range(35)
    } == {303}
    page = browser.get("/checkout").text
    hidden = dict(re.findall(r'name="(cart_id|seen)"[^>]*value="([^"]*)"', page))
    answers = {browser.post("/checkout", data={**FORM, **hidden, "zip": "x"}).status_code for _ in range(35)}
    assert answers == {422}


@pytest.mark.usefixtures("quick")
def test_processes_share_their_counts(at: AddressedBrowser, process: Process) -> None:
    other = create_app(process.settings)
    other.config["WTF_CSRF_ENABLED"] = False
    address = somewhere()
    for number in range(30):
        browser = at(address, other) if number % 2 else at(address)
        assert sign_in(browser, f"{number}@example.com").status_code == 422
    assert sign_in(at(address), "x@example.com").status_code == 429
    assert sign_in(at(address, other), "x@example.com").status_code == 429


def test_without_dynamodb_a_process_counts_by_itself(
    at: AddressedBrowser, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off_dynamodb(process, monkeypatch)
    browser = at()
    data = {"number": "7K3M-Q9TX", "email": "a@example.com"}
    assert {browser.post("/track", data=data).status_code for _ in range(30)} == {404}
    refused = browser.post("/track", data=data)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert at().post("/track", data=data).status_code == 404


def test_look_ups_and_confirmations_count_together(at: AddressedBrowser, stores: Stores) -> None:
    browser = at()
    for _ in range(30):
        browser.post("/track", data={"number": "7K3M-Q9TX", "email": "a@example.com"})
    assert browser.post(f"/orders/{order(stores)}/confirmation", data={"email": "a"}).status_code == 429


def test_a_limit_keeps_nobody_from_paying(at: AddressedBrowser, stores: Stores, stripe: str) -> None:
    browser, sku = at(), product(stores)
    assert stripe
    theirs = ordered(browser, sku)
    for _ in range(31):
        browser.post("/track", data={"number": "7K3M-Q9TX", "email": "a@example.com"})
    assert browser.post("/track", data={}).status_code == 429
    assert browser.post(f"/orders/{theirs}/payment").status_code == 303


def test_behind_a_proxy_that_nobody_named_nothing_is_counted_by_address(process: Process) -> None:
    """All would share the proxy's address, and one stranger's tries would lock everybody out."""
    limits._tell.cache_clear()
    production = process.settings.model_copy(update={"env": "production", "secret_key": SecretStr("k" * 40)})
    shop = create_app(production)
    shop.config["WTF_CSRF_ENABLED"] = False
    browser = shop.test_client()
    browser.environ_base |= {"HTTP_SEC_FETCH_SITE": "same-origin", "REMOTE_ADDR": somewhere()}
    data = {"number": "7K3M-Q9TX", "email": "a@example.com"}
    with capture_logs() as told:
        for number in range(32):
            headers = {"X-Forwarded-For": f"198.51.100.{number}"}
            assert browser.post("/track", data=data, headers=headers).status_code == 404
    lines = [(one["log_level"], one["event"]) for one in told].count(("error", "proxy_not_trusted"))
    assert lines in (1, 2), "once a minute, which may have ended meanwhile"
    assert {browser.post("/track", data=data).status_code for _ in range(30)} == {404}
    assert browser.post("/track", data=data).status_code == 429
    with shop.test_request_context(headers={"X-Forwarded-For": "198.51.100.7"}):
        assert limits.placed_from() is None


def test_where_an_order_is_placed_from_is_a_keyed_hash(app: Flask) -> None:
    def told(remote: str) -> str | None:
        with app.test_request_context(environ_base={"REMOTE_ADDR": remote}):
            return limits.placed_from()

    assert told("2001:db8:1:2::1") == told("2001:db8:1:2:ffff::9") != told("2001:db8:1:3::1")
    assert "192.0.2.7" not in str(told("192.0.2.7"))


def test_a_page_past_the_limit_of_holds_says_why_and_until_when(
    at: AddressedBrowser, process: Process, stores: Stores
) -> None:
    process.settings.holds_per_address = 1
    home, sku = somewhere(), product(stores, quantity=100)
    ordered(at(home), sku)
    other = at(home)
    add(other, sku)
    refused = checkout(other)
    assert refused.status_code == 429
    assert 60 < int(refused.headers["Retry-After"]) <= 15 * 60
    assert "held from your network" in refused.text
    assert re.search(r"come back in \d+ minutes", refused.text)
    assert 'value="ada@example.com"' in refused.text, "what was typed is kept"
    assert checkout(other).status_code == 429
    process.settings.holds_per_address = 0
    assert checkout(other).status_code == 303


# --- per account


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Smaller numbers, so that a swarm is quickly gathered."""
    monkeypatch.setattr(limits, "OF_ACCOUNT", parse("6 per hour"))
    monkeypatch.setattr(limits, "OF_KNOWN_BROWSER", parse("4 per hour"))


@pytest.mark.usefixtures("narrow")
def test_guesses_from_many_addresses_are_slowed_and_the_owner_still_gets_in(at: AddressedBrowser) -> None:
    home = at()
    email = register(home)
    home.post("/logout")
    for _ in range(6):
        assert sign_in(at(), email).status_code == 422
    swarm = at()
    assert [sign_in(swarm, email).status_code for _ in range(5)] == [422, 422, 422, 429, 429]
    assert int(sign_in(swarm, email).headers["Retry-After"]) > 60
    # The owner, in the browser that signed in before, and on a new device.
    assert sign_in(home, email, PASSWORD).status_code == 303
    assert sign_in(at(), email, PASSWORD).status_code == 303
    assert sign_in(swarm, f"{uuid4().hex}@example.com").status_code == 422


@pytest.mark.usefixtures("narrow")
def test_an_unknown_account_is_limited_alike(at: AddressedBrowser) -> None:
    email = f"{uuid4().hex}@example.com"
    for _ in range(6):
        sign_in(at(), email)
    swarm = at()
    assert [sign_in(swarm, email).status_code for _ in range(4)] == [422, 422, 422, 429]


@pytest.mark.usefixtures("narrow")
def test_a_known_browser_has_its_own_count_and_only_for_its_account(at: AddressedBrowser) -> None:
    home = at()
    email, other = register(home), register(at())
    home.post("/logout")
    assert [sign_in(home, email).status_code for _ in range(5)] == [422, 422, 422, 422, 429]
    cookie = home.get_cookie("known")
    assert cookie is not None
    assert cookie.http_only
    forger = at()
    forger.set_cookie("known", cookie.value + "x")
    for _ in range(6):
        sign_in(at(), other)
    forger.set_cookie("known", cookie.value)
    assert [sign_in(forger, other).status_code for _ in range(4)] == [422, 422, 422, 429]


@pytest.mark.parametrize(
    ("remote", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("unix:", "unix:"),
    ],
)
def test_whom_a_limit_counts(app: Flask, remote: str, counted: str) -> None:
    with app.test_request_context(environ_base={"REMOTE_ADDR": remote}):
        assert limits.client_address() == counted


# --- the counters


@pytest.fixture
def counters(process: Process) -> Counters:
    return process.stores().counters


def hits_at_once(counters: Counters, name: str) -> list[int]:
    with ThreadPoolExecutor(25) as pool:
        return list(pool.map(lambda _: counters.hit(name, 60), range(50)))


def test_of_fifty_tries_at_once_each_counts(counters: Counters) -> None:
    name = uuid4().hex
    assert sorted(hits_at_once(counters, name)) == list(range(1, 51))
    assert counters.read(name)[0] == 50


def test_read_and_written_back_tries_are_lost(
    counters: Counters, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the atomic addition guards against."""

    def read_then_write(self: Counters, name: str, seconds: int, amount: int) -> int:
        hits = self.read(name)[0] + amount
        process.dynamodb.client.put_item(
            TableName=process.dynamodb.users,
            Item={
                **keys.counter(name),
                "hits": {"N": str(hits)},
                "expires": {"N": str(int(time.time()) + seconds)},
            },
        )
        return hits

    monkeypatch.setattr(Counters, "_add", read_then_write)
    name = uuid4().hex
    hits_at_once(counters, name)
    assert counters.read(name)[0] < 50


def test_a_window_that_is_over_counts_no_more_though_its_item_is_there(counters: Counters) -> None:
    name = uuid4().hex
    for _ in range(3):
        counters.hit(name, 60)
    assert counters.read(name)[0] == 3
    with time_machine.travel(time.time() + 61):
        assert counters.read(name) == (0, 0)
        assert sorted(hits_at_once(counters, name)) == list(range(1, 51))
        counters.clear(name)
        assert counters.read(name) == (0, 0)
