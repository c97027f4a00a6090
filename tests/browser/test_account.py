"""What a customer does, by keyboard alone."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Console
from tests.support.factories import GOOD_CARD
from tests.support.keyboard import Keyboard
from tests.support.members import add_address, add_to_cart, register

PASSWORD = "three herons at dusk"
ORDER = re.compile(r"//127\.0\.0\.1:\d+/orders/[0-9a-f-]{36}$")
HOSTED = re.compile(r"//localhost:\d+/")
BOARD, SKILLET = "KIT-OAK-BOARD", "KIT-IRON-SKILLET"


@pytest.fixture
def keys(phone: Page, console: Console) -> Keyboard:
    """At once on a page, and nothing moves by itself: where the focus is can be looked at right away."""
    phone.emulate_media(reduced_motion="reduce")
    assert console.complaints == []
    return Keyboard(phone)


def test_a_guest_buys_and_keeps_the_order_in_an_account(
    phone: Page, keys: Keyboard, calm_shop: str, console: Console
) -> None:
    phone.goto(calm_shop)
    keys.press(phone.get_by_role("navigation", name="Departments").get_by_role("link", name="Kitchen"))
    expect(phone.get_by_role("heading", level=1)).to_have_text("Kitchen")
    keys.skip()
    keys.press(phone.locator(".card:not(:has-text('Sold out'))").get_by_role("link"))
    name = phone.get_by_role("heading", level=1).inner_text()
    keys.skip()
    keys.press(_button(phone, "Add to cart"))
    expect(phone.locator("#notice")).to_contain_text(name)
    keys.press(phone.get_by_role("link", name="Cart (1)"), back=True)
    keys.press(phone.get_by_role("link", name="Go to checkout"))

    _write_address(keys)
    keys.write(_field(phone, "E-mail"), "guest@example.com")
    keys.press(_button(phone, re.compile(r"^Place order: \$")))
    _pay(keys)
    expect(phone).to_have_url(ORDER)
    order = phone.url

    keys.write(_field(phone, "Password"), PASSWORD)
    keys.press(_button(phone, "Create account"))
    expect(phone.locator("#account-label")).to_have_text("Account")
    assert phone.url == order, "back on the order it was offered at"
    expect(phone.get_by_role("heading", name="Keep this order in an account?")).to_have_count(0)

    keys.press(phone.get_by_role("link", name="Account", exact=True))
    expect(phone.locator(".order-rows a")).to_have_attribute("href", order.removeprefix(calm_shop))
    keys.press(_button(phone, "Sign out"))
    expect(phone.locator("#account-label")).to_have_text("Sign in")
    # Signed out is out: the page of the order is nobody's business any more.
    assert phone.context.request.get(order).status == 404
    assert console.complaints == []


def test_signing_in_with_a_full_cart_then_the_address_book(
    phone: Page, keys: Keyboard, calm_shop: str, console: Console
) -> None:
    member = register(phone.context, calm_shop)
    add_to_cart(phone.context, calm_shop, BOARD)
    phone.context.clear_cookies()
    add_to_cart(phone.context, calm_shop, SKILLET)

    phone.goto(calm_shop + "/help")
    keys.press(phone.get_by_role("link", name="Sign in", exact=True))
    keys.write(_field(phone, "E-mail"), member.email)
    keys.write(_field(phone, "Password"), member.password)
    keys.press(_button(phone, "Sign in"))
    expect(phone).to_have_url(calm_shop + "/cart")
    told = phone.get_by_role("status").filter(has_text="Two carts are one now")
    expect(told).to_contain_text("Oak chopping board")
    expect(told).to_contain_text("from your account")
    expect(told).to_contain_text("Cast-iron skillet")
    keys.press(told.get_by_role("button", name=re.compile("Remove Cast-iron")))
    expect(phone.locator("#cart-count")).to_have_text("Cart (1)")
    expect(phone.locator("#cart")).not_to_contain_text("Cast-iron skillet")
    assert phone.evaluate("document.activeElement !== document.body"), "the focus is not lost with the part"

    keys.press(phone.get_by_role("link", name="Account", exact=True), back=True)
    keys.press(_nav(phone, "Addresses"))
    _write_address(keys)
    keys.press(_button(phone, "Keep this address"))
    addresses = phone.locator("li.slip")
    expect(addresses).to_have_count(1)
    expect(addresses).to_contain_text("Offered first at checkout")

    keys.press(phone.locator("summary", has_text="Add an address"))
    _write_address(keys, line1="4 Quay Street")
    keys.press(_button(phone, "Keep this address"))
    expect(addresses).to_have_count(2)
    quay = addresses.filter(has_text="4 Quay Street")
    keys.press(quay.get_by_role("button", name="Offer first"))
    expect(quay).to_contain_text("Offered first at checkout")
    keys.press(addresses.filter(has_text="12 Mill Lane").get_by_role("button", name="Delete"))
    expect(addresses).to_have_count(1)
    expect(addresses).to_contain_text("4 Quay Street")
    keys.press(addresses.get_by_role("link", name="Edit"))
    keys.write(_field(phone, "Street and number"), "6 Quay Street")
    keys.press(_button(phone, "Save changes"))
    expect(addresses).to_contain_text("6 Quay Street")
    assert console.complaints == []


def test_paying_with_a_kept_card_in_one_step_and_cancelling(
    phone: Page, keys: Keyboard, calm_shop: str, console: Console
) -> None:
    phone.set_viewport_size({"width": 1280, "height": 800})
    register(phone.context, calm_shop)
    add_address(phone.context, calm_shop)
    add_to_cart(phone.context, calm_shop, BOARD)
    phone.goto(calm_shop + "/account")
    keys.press(_nav(phone, "Cards"))
    keys.press(_button(phone, "Add a card"))
    expect(phone).to_have_url(HOSTED)
    _write_card(keys)
    keys.press(_button(phone, re.compile("Save")))
    expect(phone).to_have_url(calm_shop + "/account/payment-methods")
    card = phone.locator("li.slip")
    expect(card).to_contain_text("Visa ending in 4242")

    keys.press(phone.get_by_role("link", name="Cart (1)"))
    keys.press(phone.get_by_role("link", name="Go to checkout"))
    # The address and the card that are offered first are chosen already.
    expect(phone.get_by_role("radio", name=re.compile("12 Mill Lane"))).to_be_checked()
    expect(phone.get_by_role("radio", name=re.compile("Visa ending in 4242"))).to_be_checked()
    expect(_field(phone, "Street and number")).to_be_hidden()
    keys.press(_button(phone, re.compile(r"^Place order: \$")))
    expect(phone).to_have_url(ORDER)
    tracking = phone.locator("#tracking")
    expect(tracking).to_have_attribute("data-status", re.compile("paid|preparing"))

    keys.reach(_button(phone, "Print a receipt"))
    keys.press(_button(phone, "Cancel and get my money back"), back=True)
    expect(tracking).to_have_attribute("data-status", "refunded")
    expect(tracking).to_contain_text("You cancelled this order before it was sent")

    keys.press(phone.get_by_role("link", name="Account", exact=True))
    keys.press(_nav(phone, "Cards"))
    keys.press(card.get_by_role("button", name="Remove Visa ending in 4242"))
    expect(phone.get_by_role("main")).to_contain_text("None kept yet")
    assert console.complaints == []


def test_passwords_changed_and_forgotten_then_the_account_deleted(
    phone: Page, keys: Keyboard, calm_shop: str, console: Console
) -> None:
    phone.set_viewport_size({"width": 1280, "height": 800})
    member = register(phone.context, calm_shop)
    phone.goto(calm_shop + "/account")
    keys.press(_nav(phone, "Password"))
    keys.write(_field(phone, "Current password"), member.password)
    keys.write(_field(phone, "New password"), PASSWORD)
    keys.press(_button(phone, "Change password"))
    expect(phone.get_by_text("Your password is changed")).to_be_visible()
    keys.press(_button(phone, "Sign out"))
    expect(phone.locator("#account-label")).to_have_text("Sign in")

    keys.press(phone.get_by_role("link", name="Sign in", exact=True))
    keys.press(phone.get_by_role("link", name="Forgotten your password?"))
    keys.write(_field(phone, "E-mail"), member.email)
    keys.press(_button(phone, "Mail me a link"))
    expect(phone.get_by_role("heading", level=1)).to_have_text("Look into your mail")
    mail = phone.get_by_role("main").get_by_role(
        "link", name=re.compile(f"Choose a new password.*{re.escape(member.email)}", re.DOTALL)
    )
    phone.goto(calm_shop + "/dev/mail")
    # The mail is sent by the worker, a moment later.
    for _ in range(40):
        if mail.count():
            break
        phone.wait_for_timeout(250)
        phone.reload()
    keys.press(mail)
    with phone.expect_popup() as opened:
        keys.press(phone.locator(".mail-text a[href*='/reset-password']"))
    fresh = opened.value
    fresh.emulate_media(reduced_motion="reduce")
    there = Keyboard(fresh)
    there.write(_field(fresh, "New password"), member.password)
    there.press(_button(fresh, "Set this password"))
    expect(fresh.get_by_role("main")).to_contain_text("Sign in with the new one")
    there.write(_field(fresh, "E-mail"), member.email)
    there.write(_field(fresh, "Password"), member.password)
    there.press(_button(fresh, "Sign in"))
    expect(fresh).to_have_url(calm_shop + "/account")

    there.press(fresh.get_by_role("link", name="Delete your account"))
    there.write(_field(fresh, "Your password"), member.password)
    there.press(_button(fresh, "Delete my account"))
    expect(fresh.get_by_text("Your account is deleted")).to_be_visible()
    there.write(_field(fresh, "E-mail"), member.email)
    there.write(_field(fresh, "Password"), member.password)
    there.press(_button(fresh, "Sign in"))
    expect(fresh.get_by_role("alert")).to_contain_text("don't belong together")
    expect(fresh.locator(".summary-of-errors")).to_be_focused()
    assert console.complaints == []


def _button(page: Page, name: str | re.Pattern[str]) -> Locator:
    return page.get_by_role("button", name=name)


def _field(page: Page, label: str) -> Locator:
    return page.get_by_label(label, exact=True)


def _nav(page: Page, name: str) -> Locator:
    return page.get_by_role("navigation", name="Your account").get_by_role("link", name=name)


def _write_address(keys: Keyboard, line1: str = "12 Mill Lane") -> None:
    page = keys.page
    keys.pick(_field(page, "Country"), "United States")
    keys.write(_field(page, "Full name"), "Ada Marsh")
    keys.write(_field(page, "Street and number"), line1)
    keys.write(_field(page, "Town or city"), "Portland")
    keys.write(_field(page, "State or region"), "OR")
    keys.write(_field(page, "Postcode or ZIP"), "97201")


def _write_card(keys: Keyboard) -> None:
    """On the payment service's page."""
    page = keys.page
    email = page.locator("[autocomplete=email]")
    if email.count() and not email.input_value():
        keys.write(email, "ada@example.com")
    for name, value in (("cc-number", GOOD_CARD), ("cc-exp", "12 / 34"), ("cc-csc", "123")):
        keys.write(page.locator(f"[autocomplete={name}]"), value)


def _pay(keys: Keyboard) -> None:
    expect(keys.page).to_have_url(HOSTED)
    _write_card(keys)
    keys.press(_button(keys.page, re.compile("^Pay")))
