"""What every request and answer must keep to."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import text
from werkzeug.datastructures import Headers
from werkzeug.middleware.proxy_fix import ProxyFix

from storefront import create_app
from storefront.process import Process
from storefront.stores import Stores
from tests.support.client import add, checkout, fields, new_browser, ordered, readable
from tests.support.factories import FORM, product

# Every address that changes something for a browser, with a body that would be taken.
UNSAFE = [
    "/cart/items",
    "/cart/items/SKU",
    "/checkout",
    "/track",
    f"/orders/{'0' * 8}-0000-4000-8000-{'0' * 12}/payment",
    f"/orders/{'0' * 8}-0000-4000-8000-{'0' * 12}/cancellation",
    f"/orders/{'0' * 8}-0000-4000-8000-{'0' * 12}/extension",
    f"/orders/{'0' * 8}-0000-4000-8000-{'0' * 12}/reorder",
]
PUBLIC = ["/", "/products", "/products/SKU", "/help", "/terms", "/robots.txt"]
PERSONAL = ["/cart", "/orders", "/track", "/readyz", "/healthz"]


@pytest.fixture
def anybody(app: Flask) -> FlaskClient:
    """A client that says nothing of where it comes from."""
    return app.test_client()


def carts(stores: Stores) -> int:
    return int(stores.db.rows(text("SELECT count(*) FROM cart_items"))[0][0])


# --- cross-site


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": ""},
        {"Sec-Fetch-Site": "SAME-ORIGIN x"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://"},
        {"Origin": "http://["},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://evil.example@localhost"},
        {"Origin": "localhost"},
        {},
    ],
    ids=str,
)
def test_what_another_site_sends_is_refused(
    anybody: FlaskClient, stores: Stores, headers: dict[str, str]
) -> None:
    sku = product(stores, "SKU")
    for path in UNSAFE:
        answer = anybody.post(path, data={"sku": sku, "quantity": "1"}, headers=headers)
        assert answer.status_code == 403, path
        assert readable(answer)
        assert "Set-Cookie" not in answer.headers
    assert carts(stores) == 0


def behind(app: Flask, proxies: int) -> FlaskClient:
    """A client of the app as it is behind so many proxies."""
    made = create_app(app.extensions["storefront"].settings.model_copy(update={"trusted_proxies": proxies}))
    made.config["WTF_CSRF_ENABLED"] = False
    made.extensions["storefront"] = app.extensions["storefront"]
    return made.test_client()


@pytest.mark.parametrize("proxies", [0, 1, 2])
def test_a_forwarded_host_is_the_clients_own_and_no_way_around_it(
    app: Flask, stores: Stores, proxies: int
) -> None:
    sku = product(stores)
    forged = {
        "Origin": "http://evil.test",
        "X-Forwarded-Host": "evil.test, evil.test",
        "X-Forwarded-For": "1.1.1.1",
    }
    answer = behind(app, proxies).post("/cart/items", data={"sku": sku, "quantity": "1"}, headers=forged)
    assert answer.status_code == 403
    assert carts(stores) == 0


def test_a_forwarded_host_that_is_believed_would_be_one(app: Flask, stores: Stores) -> None:
    client = behind(app, 0)
    believing = ProxyFix(client.application.wsgi_app, x_host=1)
    client.application.wsgi_app = believing  # type: ignore[method-assign]  # the documented way to wrap an app
    forged = {"Origin": "http://evil.test", "X-Forwarded-Host": "evil.test"}
    data = {"sku": product(stores), "quantity": "1"}
    assert client.post("/cart/items", data=data, headers=forged).status_code == 303


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST"])
def test_every_unsafe_method_is_refused_from_another_site(anybody: FlaskClient, method: str) -> None:
    answer = anybody.open("/cart/items", method=method, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code in (403, 405)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "http://localhost"},
        {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
    ],
    ids=str,
)
def test_what_our_own_pages_send_is_taken(
    anybody: FlaskClient, stores: Stores, headers: dict[str, str]
) -> None:
    sku = product(stores)
    answer = anybody.post("/cart/items", data={"sku": sku, "quantity": "1"}, headers=headers)
    assert answer.status_code == 303


def test_a_host_that_cannot_be_read_is_no_way_around_it(anybody: FlaskClient, stores: Stores) -> None:
    sku = product(stores)
    for host in ("", "[", "a b", "evil.example/"):
        answer = anybody.post(
            "/cart/items", data={"sku": sku, "quantity": "1"}, environ_overrides={"HTTP_HOST": host}
        )
        assert answer.status_code in (400, 403)
    assert carts(stores) == 0


def test_another_site_may_link_to_us(anybody: FlaskClient) -> None:
    assert anybody.get("/cart", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


# --- tokens


@pytest.fixture
def guarded(process: Process) -> FlaskClient:
    """A browser of a shop as it runs, with tokens on its forms."""
    made = create_app(process.settings)
    made.extensions["storefront"] = process
    made.testing = False
    assert made.config.get("WTF_CSRF_ENABLED", True)
    return new_browser(made)


def test_the_cart_works_without_a_token(guarded: FlaskClient, stores: Stores) -> None:
    assert add(guarded, product(stores)).status_code == 303


def test_checkout_without_a_token_or_with_a_wrong_one_is_refused(
    guarded: FlaskClient, stores: Stores
) -> None:
    add(guarded, product(stores))
    good = {**FORM, **fields(guarded.get("/checkout"), "/checkout")}
    assert good["csrf_token"]
    for token in (None, "", "x", "\x00", "é", good["csrf_token"][:-2]):
        form = {**good, "csrf_token": token} if token is not None else dict(good)
        if token is None:
            del form["csrf_token"]
        answer = guarded.post("/checkout", data=form)
        assert answer.status_code == 400
        assert readable(answer)
    assert stores.orders.newest(9) == []
    assert guarded.post("/checkout", data=good).status_code == 303


def test_a_token_of_another_browser_is_refused(guarded: FlaskClient, stores: Stores) -> None:
    other = new_browser(guarded.application)
    theirs = fields(other.get("/track"), "/track")["csrf_token"]
    add(guarded, product(stores))
    assert checkout(guarded, csrf_token=theirs).status_code == 400


@pytest.mark.parametrize("part", ["payment", "cancellation", "extension", "reorder"])
def test_an_orders_forms_need_a_token(guarded: FlaskClient, stores: Stores, part: str) -> None:
    order_id = ordered(guarded, product(stores))
    before = stores.orders.view(order_id)
    answer = guarded.post(f"/orders/{order_id}/{part}")
    assert answer.status_code == 400
    assert readable(answer)
    after = stores.orders.view(order_id)
    assert (after.status, after.expires_at, after.events) == (before.status, before.expires_at, before.events)


def test_an_orders_forms_carry_their_token(guarded: FlaskClient, stores: Stores) -> None:
    order_id = ordered(guarded, product(stores))
    page = guarded.get(f"/orders/{order_id}")
    for part in ("payment", "cancellation", "extension"):
        assert fields(page, f"/orders/{order_id}/{part}")["csrf_token"]
    token = fields(page, f"/orders/{order_id}/extension")
    assert guarded.post(f"/orders/{order_id}/extension", data=token).status_code == 303


def test_the_look_up_needs_a_token(guarded: FlaskClient) -> None:
    assert guarded.post("/track", data={"number": "7K3M-Q9TX", "email": "a@b.example"}).status_code == 400


def test_webhooks_need_neither(guarded: FlaskClient) -> None:
    server = guarded.application.test_client(use_cookies=False)
    for path in ("/webhooks/stripe", "/webhooks/carrier"):
        answer = server.post(path, data=b"{}")
        assert answer.status_code == 400
        assert "not an event" in answer.text or "not signed" in answer.text, "refused for its signature alone"


# --- answers


def test_every_answer_is_hardened(client: FlaskClient, stores: Stores) -> None:
    product(stores, "SKU")
    for path in (*PUBLIC, *PERSONAL, "/no-such-page", "/checkout"):
        hardened(client.get(path).headers)


def hardened(headers: Headers) -> None:
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] in ("strict-origin-when-cross-origin", "same-origin")
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers, "only in production"
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("path", ["/cart", "/orders", "/track"])
def test_personal_pages_are_kept_by_nobody(client: FlaskClient, path: str) -> None:
    assert "no-store" in client.get(path).headers["Cache-Control"]


def test_errors_are_kept_by_nobody(client: FlaskClient) -> None:
    for path in ("/no-such-page", f"/orders/{uuid4()}"):
        assert "no-store" in client.get(path).headers["Cache-Control"]


@pytest.mark.parametrize("path", PUBLIC)
def test_public_pages_are_the_same_for_everybody(
    app: Flask, client: FlaskClient, stores: Stores, path: str
) -> None:
    product(stores, "SKU")
    add(client, "SKU")
    mine, theirs = client.get(path), new_browser(app).get(path)
    for answer in (mine, theirs):
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
        assert "cookie" not in answer.headers.get("Vary", "").lower()
    assert mine.data == theirs.data
    assert "csrf_token" not in mine.text


def test_a_shop_in_production_says_https_for_good_and_its_cookies_are_bound_to_its_host(
    process: Process, stores: Stores
) -> None:
    real = process.settings.model_copy(
        update={"env": "production", "base_url": "https://shop.example", "secret_key": SecretStr("k" * 40)}
    )
    made = create_app(real)
    made.extensions["storefront"] = process
    answer = add(new_browser(made), product(stores))
    assert "max-age=" in answer.headers["Strict-Transport-Security"]
    cookies = {cookie.split("=")[0]: cookie for cookie in answer.headers.getlist("Set-Cookie")}
    session = cookies["__Host-shop"]
    for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert word in session
    assert "Domain" not in session


def test_a_session_that_was_tampered_with_is_nobodys(app: Flask, client: FlaskClient, stores: Stores) -> None:
    order_id = ordered(client, product(stores))
    cookie = client.get_cookie("shop")
    assert cookie is not None
    thief = new_browser(app)
    thief.set_cookie("shop", cookie.value[:-3] + "AAA")
    assert thief.get(f"/orders/{order_id}").status_code == 404
    thief.set_cookie("shop", "\x00" + cookie.value)
    assert thief.get("/cart").status_code == 200


@pytest.mark.parametrize("path", ["/cart/items", "/track", "/checkout"])
def test_a_body_is_bounded(client: FlaskClient, path: str) -> None:
    kinds = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain")
    for kind in kinds:
        answer = client.post(path, data=b"a" * 300_000, content_type=kind)
        assert answer.status_code == 413
        assert readable(answer)
    many = b"".join(b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' for _ in range(2000))
    answer = client.post(path, data=many + b"--x--\r\n", content_type="multipart/form-data; boundary=x")
    assert answer.status_code in (413, 422)


def test_no_page_has_inline_scripts_or_styles(client: FlaskClient, stores: Stores) -> None:
    """The policy would block them; here they are found before a browser does."""
    product(stores, "SKU")
    order_id = ordered(client, "SKU")
    add(client, "SKU")
    for path in (
        "/",
        "/products",
        "/products/SKU",
        "/cart",
        "/checkout",
        f"/orders/{order_id}",
        "/track",
        "/help",
    ):
        page = client.get(path).text
        assert not re.search(
            r"<script(?![^>]*\bsrc=)(?![^>]*application/ld\+json)(?![^>]*speculationrules)[^>]*>", page
        )
        assert not re.search(r"<style|\sstyle=|\son\w+=", page)
