"""The address book, and checkout for those who have one."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient

from storefront.domain.accounts import Account
from storefront.process import Process
from storefront.stores import Stores
from tests.support.client import new_browser, register, user_of
from tests.support.dynamodb import cut_off_dynamodb
from tests.support.factories import ADDRESS, FORM, product

TYPED = {key: value for key, value in FORM.items() if key != "email"}


@pytest.fixture
def customers(app: Flask) -> Callable[[], FlaskClient]:
    """Makes browsers of signed-in customers."""

    def make() -> FlaskClient:
        browser = new_browser(app)
        register(browser)
        return browser

    return make


@pytest.fixture
def ada(customers: Callable[[], FlaskClient]) -> FlaskClient:
    return customers()


def account(browser: FlaskClient, stores: Stores) -> Account:
    return stores.accounts.for_account(user_of(browser))


def add(browser: FlaskClient, stores: Stores, **changed: str) -> UUID:
    before = {a.address_id for a in account(browser, stores).addresses}
    answer = browser.post("/account/addresses", data={**TYPED, **changed})
    assert answer.status_code == 303, answer.text
    (new,) = {a.address_id for a in account(browser, stores).addresses} - before
    return new


def test_add_edit_default_and_delete(ada: FlaskClient, stores: Stores) -> None:
    first, second = add(ada, stores), add(ada, stores, line1="4 Hill Road")
    assert account(ada, stores).profile.default_address_id == first
    assert "4 Hill Road" in ada.get("/account/addresses").text
    assert ada.post(f"/account/addresses/{second}/default").status_code == 303
    assert account(ada, stores).addresses[0].address_id == second
    page = ada.get(f"/account/addresses/{first}").text
    assert 'value="12 Mill Lane"' in page
    changed = ada.post(f"/account/addresses/{first}", data={**TYPED, "line1": "13 Mill Lane"})
    assert changed.status_code == 303
    saved = account(ada, stores).address(first)
    assert saved is not None
    assert saved.address.line1 == "13 Mill Lane"
    assert ada.post(f"/account/addresses/{second}/deletion").status_code == 303
    left = account(ada, stores)
    assert [a.address_id for a in left.addresses] == [first]
    assert left.profile.default_address_id is None


def test_another_customers_address_is_not_found(customers: Callable[[], FlaskClient], stores: Stores) -> None:
    ada, bob = customers(), customers()
    theirs = add(ada, stores)
    for address_id in (theirs, uuid4()):
        page = f"/account/addresses/{address_id}"
        assert bob.get(page).status_code == 404
        assert bob.post(page, data=TYPED).status_code == 404
        assert bob.post(f"{page}/default").status_code == 404
        assert bob.post(f"{page}/deletion").status_code == 404
    saved = account(ada, stores).address(theirs)
    assert saved is not None
    assert saved.address == ADDRESS


def test_strangers_sign_in_first(app: Flask) -> None:
    stranger = app.test_client()
    stranger.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
    for verb, page in (("get", ""), ("post", ""), ("get", f"/{uuid4()}"), ("post", f"/{uuid4()}/deletion")):
        answer = getattr(stranger, verb)(f"/account/addresses{page}")
        assert answer.status_code == 303
        assert answer.location.startswith("/login?next=")


def test_the_rules_of_the_country_hold_and_entries_stay(ada: FlaskClient, stores: Stores) -> None:
    answer = ada.post("/account/addresses", data={**TYPED, "zip": "not one", "phone": "call me"})
    assert answer.status_code == 422
    assert 'value="not one"' in answer.text
    assert "Error: " in answer.text
    assert answer.text.count('aria-invalid="true"') == 2
    assert account(ada, stores).addresses == ()


def test_the_same_address_is_kept_once_and_twenty_at_most(ada: FlaskClient, stores: Stores) -> None:
    for number in range(20):
        add(ada, stores, line1=f"{number} Mill Lane")
    ada.post("/account/addresses", data={**TYPED, "line1": "3 Mill Lane"})
    assert len(account(ada, stores).addresses) == 20
    full = ada.post("/account/addresses", data={**TYPED, "line1": "21 Mill Lane"})
    assert full.status_code == 409
    assert 'value="21 Mill Lane"' in full.text


# --- checkout


def checkout(browser: FlaskClient, stores: Stores) -> tuple[str, dict[str, str]]:
    browser.post("/cart/items", data={"sku": product(stores), "quantity": "1"})
    page = browser.get("/checkout").text
    return page, dict(re.findall(r'name="(cart_id|seen)"[^>]*value="([^"]*)"', page))


def placed(answer: object, stores: Stores) -> str:
    found = re.search(r"orders/([0-9a-f-]{36})", getattr(answer, "location", None) or "")
    assert found, getattr(answer, "text", "")
    return found[1]


def test_checkout_offers_saved_addresses_first(ada: FlaskClient, stores: Stores) -> None:
    first, second = add(ada, stores), add(ada, stores, line1="4 Hill Road")
    page, hidden = checkout(ada, stores)
    assert page.index(str(first)) < page.index(str(second)) < page.index('id="line1"')
    assert re.search(f'value="{first}" checked', page)
    assert 'value="ada.' in page
    assert not re.search(r'id="line1"[^>]* required', page)
    answer = ada.post("/checkout", data={**hidden, "address_id": str(second)})
    order = stores.orders.summary(UUID(placed(answer, stores)))
    assert order.address.line1 == "4 Hill Road"
    assert order.email == account(ada, stores).profile.email


def test_a_typed_address_is_kept_if_wished(ada: FlaskClient, stores: Stores) -> None:
    _, hidden = checkout(ada, stores)
    placed(ada.post("/checkout", data={**hidden, **FORM}), stores)
    assert account(ada, stores).addresses == ()
    _, hidden = checkout(ada, stores)
    placed(ada.post("/checkout", data={**hidden, **FORM, "keep_address": "1"}), stores)
    assert [a.address for a in account(ada, stores).addresses] == [ADDRESS]


def test_another_customers_address_is_not_found_at_checkout(
    customers: Callable[[], FlaskClient], stores: Stores, app: Flask
) -> None:
    ada, bob, guest = customers(), customers(), app.test_client()
    guest.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
    theirs = add(ada, stores)
    for browser in (bob, guest):
        _, hidden = checkout(browser, stores)
        for address_id in (str(theirs), "x"):
            answer = browser.post("/checkout", data={**hidden, **FORM, "address_id": address_id})
            assert answer.status_code == 404


def test_without_dynamodb_a_customer_types_the_address(
    ada: FlaskClient,
    stores: Stores,
    process: Process,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    saved = add(ada, stores)
    _, hidden = checkout(ada, stores)
    cut_off_dynamodb(process, monkeypatch)
    answer = ada.post("/checkout", data={**hidden, "email": FORM["email"], "address_id": str(saved)})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert 'id="line1"' in answer.text
    placed(ada.post("/checkout", data={**hidden, **FORM, "keep_address": "1"}), stores)


def test_the_guests_form_is_as_it_was(app: Flask, stores: Stores) -> None:
    guest = app.test_client()
    guest.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
    page, _ = checkout(guest, stores)
    assert 'name="address_id"' not in page
    assert "keep_address" not in page
    assert re.search(r'id="line1"[^>]* required', page)
