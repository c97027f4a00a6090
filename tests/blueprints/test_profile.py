"""Name, phone number and e-mail address of a customer."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from storefront.process import Process
from storefront.services import mail
from storefront.stores import Stores
from tests.support.client import PASSWORD, add, new_browser, register, user_of
from tests.support.factories import product
from tests.support.mailbox import Mailbox, body

Browsers = Callable[[], FlaskClient]


@pytest.fixture
def browsers(app: Flask) -> Browsers:
    """Makes browsers, each at an address of its own so that limits of other tests don't count."""

    def make() -> FlaskClient:
        return new_browser(app)

    return make


@pytest.fixture
def browser(browsers: Browsers) -> FlaskClient:
    return browsers()


@pytest.fixture
def email(browser: FlaskClient) -> str:
    return register(browser)


def change(browser: FlaskClient, email: str, **fields: str) -> str:
    """Send the form with these entries; where it leads, or the page that comes back."""
    sent = browser.post("/account/profile", data={"name": "Ada", "phone": "", "email": email, **fields})
    return sent.location or sent.text


def mailed(process: Process, stores: Stores, mailbox: Mailbox, to: str) -> str:
    """The path of the link that was mailed to an address."""
    mail.send_outbox(process, stores)
    (letter,) = [m for m in mailbox.mails() if m["To"].addresses[0].addr_spec == to]
    found = re.search(r"/confirm-email\?token=\S+", body(letter))
    assert found
    return found[0]


def follow(browser: FlaskClient, path: str) -> int:
    opened = browser.get(path)
    assert opened.status_code == 303
    assert "token" not in opened.location
    page = browser.get(opened.location)
    assert "Use this address" in page.text
    return browser.post("/confirm-email").status_code


def test_name_and_phone_are_saved_and_filled_in_at_checkout(
    browser: FlaskClient, stores: Stores, email: str
) -> None:
    assert "told=profile" in change(browser, email, name="Ada Marsh", phone="+1 503 555 0100")
    add(browser, product(stores))
    page = browser.get("/checkout").text
    assert 'value="+1 503 555 0100"' in page
    assert 'value="Ada Marsh"' in page
    assert "phone number with its area code" in change(browser, email, phone="12")


def test_a_new_address_counts_once_its_link_was_followed_and_the_old_one_is_told(
    browsers: Browsers, browser: FlaskClient, process: Process, stores: Stores, mailbox: Mailbox, email: str
) -> None:
    assert "told=email" in change(browser, "New@example.com", current_password=PASSWORD)
    assert email in browser.get("/account").text
    path = mailed(process, stores, mailbox, "New@example.com")
    assert follow(browsers(), path) == 303, "the mail may be read elsewhere"
    assert "New@example.com" in browser.get("/account").text
    mail.send_outbox(process, stores)
    (told,) = [m for m in mailbox.mails() if m["To"].addresses[0].addr_spec == email]
    assert "was changed" in told["Subject"]
    assert "N…@example.com" in body(told)
    for address, status in ((email, 422), ("new@example.com", 303)):
        tried = browsers().post("/login", data={"email": address, "password": PASSWORD})
        assert tried.status_code == status
    assert follow(browser, path) == 303, "again, it changes nothing"


def test_the_password_is_asked_for(
    browser: FlaskClient, mailbox: Mailbox, process: Process, email: str
) -> None:
    for given in ("", "wrong password"):
        assert "This is not your password" in change(
            browser, "new@example.com", name="Mallory", current_password=given
        )
    mail.send_outbox(process, process.stores())
    assert mailbox.mails() == []
    assert "Mallory" not in browser.get("/account").text


def test_anothers_address_is_not_taken_and_not_told_of(
    browsers: Browsers, browser: FlaskClient, process: Process, stores: Stores, mailbox: Mailbox, email: str
) -> None:
    taken = register(browsers())
    assert "told=email" in change(browser, taken, current_password=PASSWORD)
    path = mailed(process, stores, mailbox, taken)
    assert follow(browser, path) == 409
    assert email in browser.get("/account").text


def test_a_link_that_was_made_up_or_whose_password_is_another_by_now_does_nothing(
    browser: FlaskClient, process: Process, stores: Stores, mailbox: Mailbox, email: str
) -> None:
    change(browser, "new@example.com", current_password=PASSWORD)
    path = mailed(process, stores, mailbox, "new@example.com")
    assert follow(browser, path[:-2] + ("aa" if path[-2:] != "aa" else "bb")) == 409
    browser.post(
        "/account/password", data={"current_password": PASSWORD, "new_password": "another long password"}
    )
    assert follow(browser, path) == 409
    known = stores.accounts.profile(user_of(browser))
    assert known is not None
    assert known.email == email


@pytest.mark.usefixtures("email")
def test_the_details_are_among_the_overview_in_the_menu(browser: FlaskClient) -> None:
    page = browser.get("/account/profile").text
    (here,) = re.findall(r'<a href="([^"]+)" aria-current="page">', page)
    assert here == "/account"
    (here,) = re.findall(r'<a href="([^"]+)" aria-current="page">', browser.get("/account/password").text)
    assert here == "/account/password"
