"""The cards' page, and paying with one of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient

from storefront.domain.accounts import SavedCard
from storefront.domain.order_views import OrderView
from storefront.domain.orders import OrderStatus
from storefront.domain.payments import PaymentStatus
from storefront.process import Process
from storefront.stores import Stores
from tests.support.client import new_browser, register, user_of
from tests.support.concurrency import at_once
from tests.support.dynamodb import cut_off_dynamodb
from tests.support.factories import FORM, pay_page, product
from tests.support.saved_cards import ASKS_ALWAYS, DECLINES_LATER, MASTERCARD, VISA, Customer, intents_of
from tests.support.stripe_control import fault, unavailable
from tests.support.worker import work

PAGE = "/account/payment-methods"


@pytest.fixture
def customers(app: Flask, process: Process, stripe: str) -> Callable[[], tuple[FlaskClient, Customer]]:
    """Makes signed-in customers, each with their browser."""

    def make() -> tuple[FlaskClient, Customer]:
        browser = new_browser(app)
        register(browser)
        return browser, Customer(process, stripe, user_of(browser))

    return make


@pytest.fixture
def both(customers: Callable[[], tuple[FlaskClient, Customer]]) -> tuple[FlaskClient, Customer]:
    return customers()


@pytest.fixture
def browser(both: tuple[FlaskClient, Customer]) -> FlaskClient:
    return both[0]


@pytest.fixture
def ada(both: tuple[FlaskClient, Customer]) -> Customer:
    return both[1]


def checkout(browser: FlaskClient, stores: Stores) -> tuple[str, dict[str, str]]:
    """A full cart's checkout page, and what its form carries along, radio buttons as they stand included."""
    browser.post("/cart/items", data={"sku": product(stores), "quantity": "1"})
    page = browser.get("/checkout").text
    fields = dict(re.findall(r'name="(cart_id|seen)"[^>]*value="([^"]+)"', page))
    chosen = re.search(r'name="payment_token" value="([^"]*)" checked', page)
    if chosen:
        fields["payment_token"] = unescape(chosen[1])
    return page, fields


def order_of(answer_location: str, stores: Stores) -> OrderView:
    return stores.orders.view(UUID(answer_location.rpartition("/")[2]))


def placed(browser: FlaskClient, stores: Stores, **more: str) -> tuple[str, OrderView]:
    """Check out; where it led, and the order."""
    _, fields = checkout(browser, stores)
    answer = browser.post("/checkout", data={**fields, **FORM, **more})
    assert answer.status_code == 303, answer.text
    with browser.session_transaction() as session:
        newest = stores.customer_orders.page(UUID(session["shopper"]), 1)[0]
    return answer.location, stores.orders.view(newest.order_id)


# --- the page


def test_a_card_is_added_on_stripes_page_and_told_on_ours(
    browser: FlaskClient, ada: Customer, stripe: str
) -> None:
    assert "None kept yet" in browser.get(PAGE).text
    answer = browser.post(PAGE)
    assert answer.status_code == 303
    assert answer.location.startswith(stripe)
    back = pay_page(answer.location).headers["Location"]
    assert back == f"http://127.0.0.1{PAGE}/return"
    for _ in range(2):
        assert browser.get(f"{PAGE}/return").location == PAGE
    page = browser.get(PAGE).text
    assert page.count("Visa ending in 4242") >= 1
    assert "Good until 12/34" in page
    assert "Offered first at checkout" in page
    assert len(ada.tokens) == 1
    assert ada.tokens[0] in ada.attached()


def test_a_card_that_was_not_added_is_not_told(browser: FlaskClient, ada: Customer) -> None:
    browser.post(PAGE)
    assert browser.get(f"{PAGE}/return").status_code == 303
    assert ada.tokens == []


def test_the_default_is_chosen_and_a_card_removed(browser: FlaskClient, ada: Customer) -> None:
    first, second = ada.keep(), ada.keep(MASTERCARD)
    assert browser.post(f"{PAGE}/{second}/default").status_code == 303
    assert ada.tokens == [second, first]
    assert browser.post(f"{PAGE}/{second}/deletion").status_code == 303
    assert ada.tokens == [first]
    assert ada.attached() == {first}
    assert browser.post(f"{PAGE}/{second}/deletion").status_code == 404


def test_another_customers_card_is_not_found(
    customers: Callable[[], tuple[FlaskClient, Customer]], stores: Stores, app: Flask
) -> None:
    browser, ada = customers()
    _, bob = customers()
    guest = app.test_client()
    guest.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
    ada.keep(MASTERCARD)
    theirs = bob.keep()
    for token in (theirs, "x", "pm_" + "9" * 300, "%00", "profile"):
        for verb in ("default", "deletion"):
            assert browser.post(f"{PAGE}/{token}/{verb}").status_code == 404
    for shopper in (browser, guest):
        _, fields = checkout(shopper, stores)
        sent = {**fields, **FORM, "payment_token": theirs}
        assert shopper.post("/checkout", data=sent).status_code == 404
        with shopper.session_transaction() as session:
            assert stores.customer_orders.page(UUID(session["shopper"]), 1) == [], "nothing was placed"
    _, order = placed(browser, stores, payment_token="")
    assert (
        browser.post(f"/orders/{order.order_id}/payment", data={"payment_token": theirs}).status_code == 404
    )
    assert bob.tokens == [theirs]
    assert bob.attached() == {theirs}


@pytest.mark.parametrize("method", ["get", "post"])
def test_guests_sign_in_first(app: Flask, process: Process, method: str) -> None:
    guest = app.test_client()
    guest.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
    for path in (PAGE, f"{PAGE}/return", f"{PAGE}/pm_a/default", f"{PAGE}/pm_a/deletion"):
        answer = getattr(guest, method)(path)
        assert answer.status_code in (303, 405)
        assert answer.status_code == 405 or answer.location.startswith("/login")


def test_cards_pages_are_nobody_elses(browser: FlaskClient) -> None:
    answer = browser.get(PAGE)
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Robots-Tag"] == "noindex"


def test_stripe_away_is_told_and_nothing_is_lost(browser: FlaskClient, ada: Customer, stripe: str) -> None:
    token = ada.keep()
    with unavailable(stripe):
        for answer in (
            browser.post(PAGE),
            browser.get(f"{PAGE}/return"),
            browser.post(f"{PAGE}/{token}/deletion"),
        ):
            assert answer.status_code == 503
            assert answer.headers["Retry-After"]
            assert "Visa ending in 4242" in answer.text
    assert ada.tokens == [token]
    assert ada.attached() == {token}


def test_dynamodb_away_is_told(
    browser: FlaskClient, process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut_off_dynamodb(process, monkeypatch)
    assert browser.get(PAGE).status_code == 503
    assert browser.post(PAGE).status_code == 503
    assert browser.post(f"{PAGE}/pm_a/deletion").status_code == 503


# --- checkout


def test_the_default_card_pays_in_one_step(
    browser: FlaskClient, ada: Customer, stores: Stores, stripe: str
) -> None:
    first, second = ada.keep(), ada.keep(MASTERCARD)
    browser.post(f"{PAGE}/{second}/default")
    page, fields = checkout(browser, stores)
    assert fields["payment_token"] == second
    assert page.index(second) < page.index(first)
    answer = browser.post("/checkout", data={**fields, **FORM})
    order = order_of(answer.location, stores)
    assert answer.location == f"/orders/{order.order_id}"
    assert order.status is OrderStatus.PAID
    (intent,) = intents_of(stripe, order.order_id)
    assert intent["payment_method"] == second
    assert "Paid, thank you" in browser.get(answer.location).text


def test_another_card_is_given_on_stripes_page(
    browser: FlaskClient, ada: Customer, stores: Stores, stripe: str
) -> None:
    ada.keep()
    location, order = placed(browser, stores, payment_token="")
    assert location.startswith(stripe)
    assert order.status is OrderStatus.PENDING


def test_the_card_that_pays_is_kept_if_wished(
    browser: FlaskClient, ada: Customer, stores: Stores, process: Process
) -> None:
    page, _ = checkout(browser, stores)
    assert 'name="keep_card"' in page
    location, order = placed(browser, stores, keep_card="1")
    back = pay_page(location).headers["Location"]
    assert browser.get(back).status_code == 303
    assert stores.orders.summary(order.order_id).status is OrderStatus.PAID
    work(process)
    assert len(ada.tokens) == 1
    _, fields = checkout(browser, stores)
    assert fields["payment_token"] == ada.tokens[0]


def test_without_the_wish_no_card_is_kept(browser: FlaskClient, ada: Customer, stores: Stores) -> None:
    location, order = placed(browser, stores)
    pay_page(location)
    browser.get(f"/orders/{order.order_id}/return")
    assert ada.account.profile.stripe_customer is None


def test_a_declined_card_leads_to_the_order_which_offers_another_try(
    browser: FlaskClient, ada: Customer, stores: Stores, stripe: str
) -> None:
    token = ada.keep(DECLINES_LATER)
    location, order = placed(browser, stores, payment_token=token)
    assert location == f"/orders/{order.order_id}"
    assert order.payment_status is PaymentStatus.FAILED
    page = browser.get(location).text
    assert "Your card was declined." in page
    assert "Try again: pay" in page
    # Stripe's page, or another saved card:
    assert browser.post(f"{location}/payment").location.startswith(stripe)
    assert browser.post(f"{location}/payment", data={"payment_token": ada.keep()}).location == location
    assert stores.orders.summary(order.order_id).status is OrderStatus.PAID


def test_when_the_bank_asks_the_shopper_goes_to_stripes_page(
    browser: FlaskClient, ada: Customer, stores: Stores, stripe: str
) -> None:
    location, order = placed(browser, stores, payment_token=ada.keep(ASKS_ALWAYS))
    assert location.startswith(f"{stripe}/c/pay/")
    assert order.attempt == 2
    pay_page(location)
    assert browser.get(f"/orders/{order.order_id}/return").status_code == 303
    assert stores.orders.summary(order.order_id).status is OrderStatus.PAID


def test_a_lost_answer_reads_as_checking(
    browser: FlaskClient, ada: Customer, stores: Stores, stripe: str
) -> None:
    token = ada.keep()
    with fault(stripe, "POST /v1/payment_intents/*/confirm", "drop_after", 1):
        location, order = placed(browser, stores, payment_token=token)
    assert location == f"/orders/{order.order_id}"
    page = browser.get(location).text
    assert "checking your payment" in page
    assert "declined" not in page


def test_stripe_away_leaves_an_order_to_be_paid(
    browser: FlaskClient, ada: Customer, stores: Stores, stripe: str
) -> None:
    token = ada.keep()
    with unavailable(stripe):
        location, order = placed(browser, stores, payment_token=token)
    assert location == f"/orders/{order.order_id}"
    assert order.status is OrderStatus.PENDING
    assert not order.checking


def test_two_submits_at_once_are_one_order_and_one_charge(
    app: Flask, browser: FlaskClient, ada: Customer, stores: Stores, stripe: str
) -> None:
    ada.keep()
    _, fields = checkout(browser, stores)
    cookie = browser.get_cookie("shop")
    assert cookie is not None

    def submit() -> str:
        tab = app.test_client()
        tab.set_cookie("shop", cookie.value)
        tab.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
        answer = tab.post("/checkout", data={**fields, **FORM})
        assert answer.status_code == 303
        return answer.location

    done = at_once(*[submit] * 4)
    assert done.errors == []
    assert len(set(done.results)) == 1
    order = order_of(done.results[0], stores)
    assert [one["status"] for one in intents_of(stripe, order.order_id)] == ["succeeded"]


def test_with_dynamodb_away_only_stripes_page_is_offered(
    browser: FlaskClient,
    ada: Customer,
    stores: Stores,
    process: Process,
    stripe: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    token = ada.keep()
    _, fields = checkout(browser, stores)
    cut_off_dynamodb(process, monkeypatch)
    page = browser.get("/checkout")
    assert page.status_code == 200
    assert "payment_token" not in page.text
    answer = browser.post("/checkout", data={**fields, **FORM, "payment_token": token, "keep_card": "1"})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert 'value="12 Mill Lane"' in answer.text, "what was typed is kept"
    again = browser.post("/checkout", data={**fields, **FORM, "payment_token": "", "keep_card": "1"})
    assert again.location.startswith(stripe)


def test_an_expired_card_is_not_offered(browser: FlaskClient, ada: Customer, stores: Stores) -> None:
    old = SavedCard("stripe", "pm_of_long_ago", "visa", "4242", "08/20", fingerprint="f")
    stores.cards.add(ada.account.profile.user_id, ada.stripe_id, old)
    assert "Expired 08/20" in browser.get(PAGE).text
    page, fields = checkout(browser, stores)
    assert "payment_token" not in fields
    assert "ending in 4242" not in page


def test_the_guests_form_is_as_it_was(app: Flask, stores: Stores, stripe: str) -> None:
    guest = app.test_client()
    guest.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
    page, fields = checkout(guest, stores)
    assert "payment_token" not in page
    assert "keep_card" not in page
    answer = guest.post("/checkout", data={**fields, **FORM, "keep_card": "1"})
    assert answer.location.startswith(stripe)


def test_a_guest_makes_no_more_statements_than_before(
    app: Flask, stores: Stores, stripe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A guest is nobody in DynamoDB, so no card may be asked for there."""
    guest = app.test_client()
    guest.environ_base["HTTP_SEC_FETCH_SITE"] = "same-origin"
    monkeypatch.setattr(Stores, "accounts", property(lambda _: pytest.fail("asked for a guest's account")))
    _, fields = checkout(guest, stores)
    assert guest.post("/checkout", data={**fields, **FORM}).status_code == 303


def test_names_of_test_cards_are_tokens_like_others(browser: FlaskClient, stores: Stores) -> None:
    """Stripe knows ``pm_card_visa``; the shop takes only what the customer kept."""
    _, fields = checkout(browser, stores)
    answer = browser.post("/checkout", data={**fields, **FORM, "payment_token": VISA})
    assert answer.status_code == 404


def test_back_again_after_it_was_settled_asks_stripe_no_more(
    browser: FlaskClient, process: Process, ada: Customer, stores: Stores, stripe: str
) -> None:
    location, order = placed(browser, stores)
    back = pay_page(location).headers["Location"]
    assert browser.get(back).status_code == 303
    assert stores.orders.summary(order.order_id).status is OrderStatus.PAID
    with unavailable(stripe):
        assert browser.get(back).status_code == 303
        assert process.stripe.breaker._failures == 0, "not even tried"
