"""Registering, signing in and out, passwords, and what a session may do when."""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from storefront.domain.ids import UserId
from storefront.domain.orders import Actor
from storefront.domain.parcels import ParcelStatus
from storefront.domain.payments import RefundReason
from storefront.process import Process
from storefront.repositories.dynamodb import keys
from storefront.services import cancellation, fulfilment
from storefront.services.payments import refunds
from storefront.stores import Stores
from tests.support.client import PASSWORD, Browsers, new_email, register, sign_in
from tests.support.dynamodb import cut_off_dynamodb
from tests.support.factories import FORM, order, product
from tests.support.till import capture
from tests.support.worker import tell


@pytest.fixture
def without_dynamodb(process: Process, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Takes DynamoDB away when it is called."""
    return lambda: cut_off_dynamodb(process, monkeypatch)


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
    answer = browser.post("/register", data={"name": "Ada", "email": new_email(), "password": password})
    assert answer.status_code == 422
    assert 'value="Ada"' in answer.text
    assert password not in answer.text


def test_the_name_or_email_is_no_password(browser: FlaskClient) -> None:
    email = new_email()
    assert (
        browser.post("/register", data={"name": "Ada", "email": email, "password": email}).status_code == 422
    )


def test_a_password_counts_to_its_last_character(browsers: Browsers) -> None:
    email, long = new_email(), "z" + "ab cd! " * 18
    browsers().post("/register", data={"name": "Ada", "email": email, "password": long})
    assert sign_in(browsers(), email, long[:-1]).status_code == 422
    assert sign_in(browsers(), email, long).status_code == 303


def test_after_a_guest_order_only_a_password_is_left_to_choose(browser: FlaskClient, stores: Stores) -> None:
    sku, email = product(stores), new_email()
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
    wrong, unknown = sign_in(browsers(), email, "not the password"), sign_in(browsers(), new_email())
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
            sign_in(browser, email if kind == "wrong" else new_email(), "not the password")
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
    assert stores.orders.summary(order_id).user_id == UUID(str(session_of(owner)["shopper"]))
    assert stores.orders.summary(other).user_id == as_guest
    assert owner.get(f"/orders/{order_id}").status_code == 200
    assert owner.get(f"/orders/{other}").status_code == 404
    assert guest.get(f"/orders/{other}").status_code == 200


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
    assert stores.accounts.profile(who) is not None
    cancellation.cancel(stores, process.stripe, order_id, by=Actor.SHOPPER)
    assert browser.post("/account/deletion", data={"password": PASSWORD}).status_code == 303
    assert stores.accounts.profile(who) is None
    assert list(stores.accounts._table.query(keys.customer(who))) == []
    assert stores.accounts.login(email) is None
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


def test_the_export_holds_payment_refunds_parcels_and_steps(browser: FlaskClient, stores: Stores) -> None:
    register(browser)
    who = UserId(UUID(str(session_of(browser)["shopper"])))
    sku = product(stores)
    order_id = capture(stores, order(stores, sku, qty=2, user_id=who))
    fulfilment.write_shipments(stores)
    tell(stores, order_id, ParcelStatus.IN_TRANSIT)
    refunds.refund(stores, order_id, restock=True, reason=RefundReason.OPERATOR, units={sku: 1})
    (told,) = browser.get("/account/export").get_json()["orders"]
    assert told["payment"] == {"status": "captured", "provider": "stripe"}
    assert [(one["cents"], one["lines"]) for one in told["refunds"]] == [(1200, [{"sku": sku, "qty": 1}])]
    assert [one["status"] for one in told["parcels"]] == ["in_transit"]
    kinds = [step["kind"] for step in told["steps"]]
    assert kinds[:2] == ["placed", "paid"]
    assert {"kind": "carrier", "place": "Salem", "status": "in_transit"}.items() <= next(
        step for step in told["steps"] if step["kind"] == "carrier"
    ).items()


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
    assert sign_in(stranger, new_email()).status_code == 503
    wanted = {"name": "A", "email": new_email(), "password": PASSWORD}
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
        cancellation.cancel(stores, process.stripe, order_id, by=Actor.SHOPPER)
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
