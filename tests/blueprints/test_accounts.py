"""Registering, signing in and out, passwords, and what a session may do when."""

from __future__ import annotations

import json
import re
import statistics
import time
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from factories import FORM, order, product
from flask import Flask
from flask.testing import FlaskClient

from storefront.config import Settings
from storefront.domain.ids import UserId
from storefront.process import Process
from storefront.repositories.dynamodb.client import DynamoDB
from storefront.services import cancellation
from storefront.services.mail import send_outbox
from storefront.stores import Stores

PASSWORD = "tin lantern over the sea"
Browsers = Callable[[], FlaskClient]


@pytest.fixture
def browsers(app: Flask) -> Browsers:
    """Makes browsers, each at an address of its own so that limits of other tests don't count."""

    def make() -> FlaskClient:
        browser = app.test_client()
        browser.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
        browser.environ_base["REMOTE_ADDR"] = ".".join(["10", *(str(byte) for byte in uuid4().bytes[:3])])
        return browser

    return make


@pytest.fixture
def browser(browsers: Browsers) -> FlaskClient:
    return browsers()


@pytest.fixture
def without_dynamodb(
    process: Process, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Callable[[], None]:
    """Takes DynamoDB away when it is called."""

    def away() -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9")
        process.__dict__["dynamodb"] = DynamoDB(settings)

    return away


def address() -> str:
    return f"ada.{uuid4().hex[:12]}@example.com"


def register(browser: FlaskClient, email: str = "", **more: str) -> str:
    email = email or address()
    answer = browser.post(
        "/register", data={"name": "Ada Marsh", "email": email, "password": PASSWORD, **more}
    )
    assert answer.status_code == 303, answer.text
    return email


def sign_in(browser: FlaskClient, email: str, password: str = PASSWORD, **more: str):  # type: ignore[no-untyped-def]
    return browser.post("/login", data={"email": email, "password": password, **more})


def session_of(browser: FlaskClient) -> dict[str, object]:
    with browser.session_transaction() as session:
        return dict(session)


def copy_cookies(source: FlaskClient, target: FlaskClient) -> None:
    cookie = source.get_cookie("shop")
    assert cookie is not None
    target.set_cookie("shop", cookie.value)


# --- registering


def test_registering_keeps_the_shopper_with_cart_and_orders(browser: FlaskClient, stores: Stores) -> None:
    sku = product(stores)
    browser.post("/cart/items", data={"sku": sku, "quantity": "2"})
    before = session_of(browser)["shopper"]
    register(browser)
    after = session_of(browser)
    assert after["shopper"] == before
    assert after["epoch"] == 1
    assert set(after) <= {"shopper", "epoch", "_permanent", "csrf_token"}
    assert sku in browser.get("/cart").text
    assert browser.get_cookie("signed_in").value == "1"  # type: ignore[union-attr]
    assert "Ada Marsh" in browser.get("/account").text


def test_a_guest_cookie_from_before_registering_shows_no_order(browsers: Browsers, stores: Stores) -> None:
    """Whoever copied or planted it would otherwise follow everything the customer orders from then on."""
    owner, other = browsers(), browsers()
    owner.post("/cart/items", data={"sku": product(stores), "quantity": "1"})
    copy_cookies(owner, other)
    register(owner)
    who = UserId(UUID(str(session_of(owner)["shopper"])))
    order_id = order(stores, user_id=who)
    assert owner.get(f"/orders/{order_id}").status_code == 200
    assert other.get(f"/orders/{order_id}").status_code == 404


def test_an_email_is_taken_whatever_its_case(browsers: Browsers) -> None:
    email = register(browsers())
    answer = browsers().post("/register", data={"name": "B", "email": email.upper(), "password": PASSWORD})
    assert answer.status_code == 409
    assert "already" in answer.text


@pytest.mark.parametrize("password", ["short", "x" * 129, "Passw0rd!", "12345678", "qwertyuiop", "aaaaaaaa"])
def test_short_endless_and_common_passwords_are_refused(browser: FlaskClient, password: str) -> None:
    answer = browser.post("/register", data={"name": "Ada", "email": address(), "password": password})
    assert answer.status_code == 422
    assert 'value="Ada"' in answer.text
    assert password not in answer.text


def test_the_name_or_email_is_no_password(browser: FlaskClient) -> None:
    email = address()
    assert (
        browser.post("/register", data={"name": "Ada", "email": email, "password": email}).status_code == 422
    )


def test_a_password_counts_to_its_last_character(browsers: Browsers) -> None:
    email, long = address(), "z" + "ab cd! " * 18
    browsers().post("/register", data={"name": "Ada", "email": email, "password": long})
    assert sign_in(browsers(), email, long[:-1]).status_code == 422
    assert sign_in(browsers(), email, long).status_code == 303


def test_after_a_guest_order_only_a_password_is_left_to_choose(browser: FlaskClient, stores: Stores) -> None:
    sku, email = product(stores), address()
    browser.post("/cart/items", data={"sku": sku, "quantity": "1"})
    page = browser.get("/checkout").text
    hidden = dict(re.findall(r'name="(cart_id|seen)"[^>]*value="([^"]*)"', page))
    placed = browser.post("/checkout", data={**FORM, **hidden, "email": email})
    order_id = re.search(r"orders/([0-9a-f-]{36})", placed.location)[1]  # type: ignore[index]
    answer = browser.post("/register", data={"order_id": order_id, "password": PASSWORD})
    assert answer.status_code == 303
    assert answer.location == f"/orders/{order_id}"
    assert email in browser.get("/account").text


def test_somebody_elses_order_fills_nothing_in(browser: FlaskClient, stores: Stores) -> None:
    order_id = order(stores)
    answer = browser.post("/register", data={"order_id": str(order_id), "password": PASSWORD})
    assert answer.status_code == 422
    assert "ada@example.com" not in answer.text


# --- signing in and out


def test_wrong_and_unknown_read_the_same(browsers: Browsers) -> None:
    email = register(browsers())
    wrong, unknown = sign_in(browsers(), email, "not the password"), sign_in(browsers(), address())
    assert wrong.status_code == unknown.status_code == 422

    def bare(text: str) -> str:
        return re.sub(r'value="[^"]*"', "", text)

    assert bare(wrong.text) == bare(unknown.text)


def test_wrong_and_unknown_take_the_same_time(browsers: Browsers) -> None:
    email = register(browsers())
    times: dict[str, list[float]] = {"wrong": [], "unknown": []}
    for _ in range(7):
        for kind in times:
            browser = browsers()
            started = time.perf_counter()
            sign_in(browser, email if kind == "wrong" else address(), "not the password")
            times[kind].append(time.perf_counter() - started)
    wrong, unknown = statistics.median(times["wrong"]), statistics.median(times["unknown"])
    # Without a hash for nobody, the unknown would take a third.
    assert 0.6 < unknown / wrong < 1.67, (wrong, unknown)


def test_the_session_is_renewed_at_sign_in(browsers: Browsers, stores: Stores) -> None:
    email = register(browsers())
    browser = browsers()
    browser.post("/cart/items", data={"sku": product(stores), "quantity": "1"})
    with browser.session_transaction() as session:
        session["planted"] = "by somebody else"
    before = session_of(browser)["shopper"]
    assert sign_in(browser, email).status_code == 303
    after = session_of(browser)
    assert after["shopper"] != before
    assert "planted" not in after


def test_signing_out_ends_copied_cookies_and_gives_a_fresh_shopper(
    browsers: Browsers, stores: Stores
) -> None:
    owner, thief = browsers(), browsers()
    register(owner)
    owner.post("/cart/items", data={"sku": product(stores), "quantity": "1"})
    who = session_of(owner)["shopper"]
    order_id = order(stores, user_id=UserId(UUID(str(who))))
    copy_cookies(owner, thief)
    assert thief.get("/account").status_code == 200
    assert owner.get("/logout").status_code == 405
    assert owner.post("/logout").status_code == 303
    assert owner.get_cookie("signed_in") is None
    assert owner.get_cookie("cart_count") is None
    assert "shopper" not in session_of(owner)
    assert thief.get("/account").status_code == 303
    assert thief.get(f"/orders/{order_id}").status_code == 404
    assert thief.get("/orders").text.count("order-row-number") == 0
    thief.post("/cart/items", data={"sku": product(stores), "quantity": "1"})
    assert session_of(thief)["shopper"] != who


@pytest.mark.parametrize(
    "wished",
    [
        "https://evil.test/",
        "//evil.test",
        "////evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "/\t/evil.test",
        "/ok\r\nX-Evil: 1",
        "javascript:alert(1)",
        "evil.test",
        "/" + "a" * 3000,
        "/%0d%0a\x00",
    ],
)
def test_next_leads_nowhere_else(browsers: Browsers, wished: str) -> None:
    email = register(browsers())
    answer = sign_in(browsers(), email, next=wished)
    assert answer.status_code == 303
    assert answer.location == "/account"


def test_next_leads_inside(browsers: Browsers) -> None:
    email = register(browsers())
    assert sign_in(browsers(), email, next="/orders?before=x").location == "/orders?before=x"
    browser = browsers()
    answer = browser.get("/account/addresses")
    assert answer.location == "/login?next=/account/addresses"
    assert 'value="/account/addresses"' in browser.get(answer.location).text


def test_signing_in_with_a_full_cart_tells_line_by_line(browsers: Browsers, stores: Stores) -> None:
    both, ours, theirs = product(stores), product(stores), product(stores)
    owner, guest = browsers(), browsers()
    email = register(owner)
    for sku, qty in ((both, "5"), (ours, "1")):
        owner.post("/cart/items", data={"sku": sku, "quantity": qty})
    for sku, qty in ((both, "3"), (theirs, "2")):
        guest.post("/cart/items", data={"sku": sku, "quantity": qty})
    answer = sign_in(guest, email)
    assert answer.location == "/cart"
    page = guest.get("/cart").text
    told = page[page.index("Two carts are one now") : page.index("</section>")]
    assert f"/cart/items/{both}" in told
    assert "3 here, 5 in your account" in told
    assert told.count("Remove<") == 3
    guest.post(f"/cart/items/{theirs}", data={"quantity": "0"})
    page = guest.get("/cart").text
    assert f"/cart/items/{theirs}" not in page
    assert {
        line.sku: line.qty for line in stores.carts.active(UUID(str(session_of(owner)["shopper"]))).lines
    } == {
        both: 5,
        ours: 1,
    }


def test_guest_orders_with_the_accounts_email_come_along(browsers: Browsers, stores: Stores) -> None:
    owner, guest = browsers(), browsers()
    email = register(owner)
    guest.post("/cart/items", data={"sku": product(stores), "quantity": "1"})
    as_guest = UserId(UUID(str(session_of(guest)["shopper"])))
    order_id = order(stores, user_id=as_guest)
    other = order(stores, user_id=as_guest)
    with stores.transaction():
        held, _ = stores.orders.lock(order_id)
        held.email = email.upper()
    sign_in(guest, email)
    assert stores.orders.head(order_id).user_id == UUID(str(session_of(owner)["shopper"]))
    assert stores.orders.head(other).user_id == as_guest
    assert owner.get(f"/orders/{order_id}").status_code == 200
    assert owner.get(f"/orders/{other}").status_code == 404
    assert guest.get(f"/orders/{other}").status_code == 200


# --- passwords


def test_a_new_password_ends_other_sessions_and_renews_this_one(browsers: Browsers) -> None:
    here, there = browsers(), browsers()
    email = register(here)
    sign_in(there, email)
    new = "a longer walk by the river"
    wrong = here.post("/account/password", data={"current_password": "not it, no", "new_password": new})
    assert wrong.status_code == 422
    assert there.get("/account").status_code == 200
    done = here.post("/account/password", data={"current_password": PASSWORD, "new_password": new})
    assert done.status_code == 303
    assert here.get("/account").status_code == 200
    assert there.get("/account").status_code == 303
    assert sign_in(browsers(), email).status_code == 422
    assert sign_in(browsers(), email, new).status_code == 303


class Outbox:
    """Stands in for the mailer: takes what the worker would hand to SES."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.mailer = self
        self.sent: list[tuple[str, str]] = []

    def send(self, _template: str, to: object, _reference: str, *, link: str, **_: object) -> None:
        self.sent.append((str(getattr(to, "address", getattr(to, "email", to))), link))


@pytest.fixture
def mails(settings: Settings, stores: Stores) -> Callable[[], list[tuple[str, str]]]:
    outbox = Outbox(settings)

    def sent() -> list[tuple[str, str]]:
        send_outbox(outbox, stores)  # type: ignore[arg-type]
        return outbox.sent

    sent()
    outbox.sent.clear()
    return sent


def path(link: str) -> str:
    return link.removeprefix("http://127.0.0.1")


def test_a_forgotten_password_is_replaced_once_by_mail(
    browsers: Browsers, mails: Callable[[], list[tuple[str, str]]]
) -> None:
    signed_in, browser = browsers(), browsers()
    email = register(signed_in)
    known = browser.post("/forgotten-password", data={"email": email.upper()})
    unknown = browser.post("/forgotten-password", data={"email": address()})
    assert (known.status_code, known.location) == (unknown.status_code, unknown.location)
    ((to, link),) = mails()
    assert email in to
    assert browser.get(path(link)).location == "/reset-password"
    assert browser.get("/reset-password").status_code == 200
    assert browser.post("/reset-password", data={"password": "password"}).status_code == 422
    new = "seven green bottles left"
    assert browser.post("/reset-password", data={"password": new}).status_code == 303
    assert signed_in.get("/account").status_code == 303
    assert sign_in(browsers(), email, new).status_code == 303
    again = browsers()
    again.get(path(link))
    assert again.get("/reset-password").status_code == 409
    assert again.post("/reset-password", data={"password": "something else again"}).status_code == 409


def test_a_reset_link_is_over_when_the_password_has_changed(
    browsers: Browsers, mails: Callable[[], list[tuple[str, str]]]
) -> None:
    owner, browser = browsers(), browsers()
    email = register(owner)
    browser.post("/forgotten-password", data={"email": email})
    ((_, link),) = mails()
    owner.post(
        "/account/password", data={"current_password": PASSWORD, "new_password": "a new and better one"}
    )
    browser.get(path(link))
    assert browser.get("/reset-password").status_code == 409


def test_a_reset_link_is_over_after_half_an_hour(
    browsers: Browsers, mails: Callable[[], list[tuple[str, str]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    email, browser = register(browsers()), browsers()
    browser.post("/forgotten-password", data={"email": email})
    ((_, link),) = mails()
    browser.get(path(link))
    later = time.time() + 31 * 60
    monkeypatch.setattr("storefront.repositories.dynamodb.users.time.time", lambda: later)
    assert browser.get("/reset-password").status_code == 409


def test_no_token_is_kept_where_it_could_be_read(
    browsers: Browsers, process: Process, mails: Callable[[], list[tuple[str, str]]]
) -> None:
    email = register(browsers())
    browsers().post("/forgotten-password", data={"email": email})
    items = json.dumps(process.dynamodb.client.scan(TableName=process.dynamodb.users)["Items"])
    ((_, link),) = mails()
    assert link.partition("token=")[2] not in items
    assert PASSWORD not in items


def test_reset_takes_the_same_time_for_known_and_unknown(browsers: Browsers) -> None:
    email = register(browsers())
    times: dict[str, list[float]] = {"known": [], "unknown": []}
    for _ in range(5):
        for kind in times:
            browser, to = browsers(), email if kind == "known" else address()
            started = time.perf_counter()
            browser.post("/forgotten-password", data={"email": to})
            times[kind].append(time.perf_counter() - started)
    known, unknown = statistics.median(times["known"]), statistics.median(times["unknown"])
    assert 0.6 < unknown / known < 1.67, (known, unknown)


# --- the end of an account, and its data


def test_an_account_ends_at_once_unless_an_order_is_open(
    browsers: Browsers, process: Process, stores: Stores
) -> None:
    browser = browsers()
    email = register(browser)
    who = UserId(UUID(str(session_of(browser)["shopper"])))
    browser.post("/account/addresses", data=FORM)
    order_id = order(stores, user_id=who)
    assert browser.post("/account/deletion", data={"password": "not it, no"}).status_code == 422
    refused = browser.post("/account/deletion", data={"password": PASSWORD})
    assert refused.status_code == 409
    assert stores.users.profile(who) is not None
    cancellation.cancel(stores, process.stripe, order_id, "USD", by="shopper")
    assert browser.post("/account/deletion", data={"password": PASSWORD}).status_code == 303
    assert stores.users.profile(who) is None
    assert stores.users._collection(str(who)) == []
    assert stores.users.login(email) is None
    assert browser.get("/account").status_code == 303
    register(browsers(), email)


def test_the_export_holds_everything_and_no_hash(browser: FlaskClient, stores: Stores) -> None:
    email = register(browser)
    who = UserId(UUID(str(session_of(browser)["shopper"])))
    browser.post("/account/addresses", data=FORM)
    order_id = order(stores, user_id=who)
    answer = browser.get("/account/export")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    told = answer.get_json()
    assert told["profile"]["email"] == email
    assert told["addresses"][0]["line1"] == "12 Mill Lane"
    assert told["orders"][0]["order_id"] == str(order_id)
    assert told["orders"][0]["address"]["city"] == "Portland"
    assert told["orders"][0]["lines"][0]["qty"] == 1
    assert "argon2" not in answer.text


# --- DynamoDB away, and pages that are the same for everybody


def test_with_dynamodb_away_accounts_answer_503_and_cart_and_orders_go_on(
    browsers: Browsers, stores: Stores, without_dynamodb: Callable[[], None]
) -> None:
    browser, stranger = browsers(), browsers()
    email = register(browser)
    sku = product(stores)
    browser.post("/cart/items", data={"sku": sku, "quantity": "1"})
    order_id = order(stores, user_id=UserId(UUID(str(session_of(browser)["shopper"]))))
    browser.post("/cart/items", data={"sku": sku, "quantity": "1"})
    without_dynamodb()
    for page in ("/account", "/account/addresses", "/account/password", "/account/export"):
        answer = browser.get(page)
        assert answer.status_code == 503, page
        assert answer.headers["Retry-After"]
    for page in ("/login", "/register", "/forgotten-password"):
        assert stranger.get(page).status_code == 503
    assert sign_in(stranger, email).status_code == 503
    assert sign_in(stranger, address()).status_code == 503
    wanted = {"name": "A", "email": address(), "password": PASSWORD}
    assert stranger.post("/register", data=wanted).status_code == 503
    assert sku in browser.get("/cart").text
    assert browser.post(f"/cart/items/{sku}", data={"quantity": "2"}).status_code == 303
    assert browser.get(f"/orders/{order_id}").status_code == 200
    assert str(order_id) in browser.get("/orders").text
    page = browser.get("/checkout").text
    hidden = dict(re.findall(r'name="(cart_id|seen)"[^>]*value="([^"]*)"', page))
    assert browser.post("/checkout", data={**FORM, **hidden}).status_code == 303
    assert "epoch" in session_of(browser)


@pytest.mark.parametrize("page", ["/", "/products", "/help"])
def test_public_pages_never_touch_the_session(browser: FlaskClient, page: str) -> None:
    register(browser)
    answer = browser.get(page)
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    assert "Cookie" not in answer.headers.get("Vary", "")


def test_a_strange_remember_cookie_changes_nothing(browser: FlaskClient) -> None:
    """Flask-Login would look at one, and answer 500 to letters beyond ASCII in it."""
    register(browser)
    browser.set_cookie("remember_token", "x|é")
    assert browser.get("/account").status_code == 200


def test_account_pages_are_not_kept(browser: FlaskClient) -> None:
    register(browser)
    for page in ("/account", "/account/addresses", "/account/password", "/account/deletion"):
        answer = browser.get(page)
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"


def test_forms_carry_a_token(app: Flask, browser: FlaskClient) -> None:
    email = register(browser)
    app.config["WTF_CSRF_ENABLED"] = True
    assert browser.post("/logout").status_code == 400
    assert sign_in(browser, email).status_code == 400
    page = browser.get("/account").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]  # type: ignore[index]
    assert browser.post("/logout", data={"csrf_token": token}).status_code == 303


# --- my orders


def test_my_orders_are_paged_by_key(
    browser: FlaskClient, process: Process, stores: Stores, statements: list[str]
) -> None:
    register(browser)
    who = UserId(UUID(str(session_of(browser)["shopper"])))
    for _ in range(23):
        order_id = order(stores, user_id=who)
        cancellation.cancel(stores, process.stripe, order_id, "USD", by="shopper")
    statements.clear()
    first = browser.get("/orders").text
    assert len(statements) <= 3
    older = re.search(r'href="(/orders\?before=[^"]+)"', first)[1]  # type: ignore[index]
    second = browser.get(older.replace("&amp;", "&")).text
    ids = [set(re.findall(r'href="/orders/([0-9a-f-]{36})"', page)) for page in (first, second)]
    assert [len(page) for page in ids] == [20, 3]
    assert not ids[0] & ids[1]
    assert "before=" not in second
    for odd in ("x", "~", "2026-01-01~x", "0001-01-01T00:00:00+14:00~" + str(uuid4()), "\x00"):
        assert browser.get("/orders", query_string={"before": odd}).status_code == 200
