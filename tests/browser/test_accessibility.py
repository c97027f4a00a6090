"""Every page as axe sees it, on a phone and on a desk, in light and dark; and nothing to scroll sideways."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect

from storefront.wording.statuses import PARCELS, SHIPMENTS
from tests.browser.conftest import BOUND, PHONE
from tests.support.axe import AXE, COLOURS, violations
from tests.support.buying import pay
from tests.support.factories import FORM
from tests.support.members import add_address, add_to_cart, register

DESK: ViewportSize = {"width": 1280, "height": 900}
NARROWEST: ViewportSize = {"width": 320, "height": 640}
KNIFE, KETTLE = "KIT-CHEFS-KNIFE", "KIT-ENAMEL-KETTLE"

PUBLIC = (
    "/",
    "/products",
    "/products?q=zzzzqq",
    "/products/suggestions?q=lamp",
    f"/products/{KNIFE}",
    "/help",
    "/nothing-here",
    "/login",
    "/register",
    "/forgotten-password",
    "/forgotten-password?sent=1",
    "/track",
    "/dev/mail",
)
GUESTS = ("/cart", "/checkout", "/orders", "{order}")
CUSTOMERS = (
    "/cart",
    "/checkout",
    "/orders",
    "/account",
    "/account/addresses",
    "/account/password",
    "/account/payment-methods",
    "/account/deletion",
    "{order}",
    "{order}/address",
    "{unpaid}",
    "{address}",
)
"""``{…}`` are addresses that the journey came by."""


class Visitors:
    """A guest and a customer who have both bought something, with more in their carts."""

    def __init__(self, chromium: Browser, shop: str) -> None:
        self.shop = shop
        self.nobody = self._context(chromium)
        self.guest = self._context(chromium)
        self.customer = self._context(chromium)
        register(self.customer, shop)
        add_address(self.customer, shop)
        add_address(self.customer, shop, line1="4 Quay Street")
        self._keep_card()
        self.known: dict[BrowserContext, dict[str, str]] = {
            self.nobody: {},
            self.guest: {"order": self._buy(self.guest)},
            self.customer: {
                "order": self._buy(self.customer),
                "address": self._first_address(),
                "unpaid": self._leave_unpaid(self.customer),
            },
        }
        for context in (self.guest, self.customer):
            add_to_cart(context, shop, KETTLE)

    def close(self) -> None:
        for context in self.known:
            context.close()

    def pages(self) -> Iterator[tuple[BrowserContext, str]]:
        groups = ((self.nobody, PUBLIC), (self.guest, GUESTS), (self.customer, CUSTOMERS))
        for context, addresses in groups:
            for address in addresses:
                yield context, self.shop + address.format(**self.known[context])

    def _context(self, chromium: Browser) -> BrowserContext:
        context = chromium.new_context(viewport=PHONE, reduced_motion="reduce")
        context.set_default_timeout(BOUND)
        return context

    def _buy(self, context: BrowserContext) -> str:
        add_to_cart(context, self.shop, KNIFE)
        page = context.new_page()
        page.goto(self.shop + "/checkout")
        if page.locator("[name=country]").is_visible():
            page.locator("[name=country]").select_option(FORM["country"])
            for name, value in FORM.items():
                if name != "country":
                    page.locator(f"[name={name}]").fill(value)
        page.get_by_role("button", name=re.compile("^Place order")).click()
        page.wait_for_url(re.compile(r"/c/pay/|/orders/"))
        if "/c/pay/" in page.url:
            pay(page)
        page.wait_for_url(re.compile(r"/orders/[0-9a-f-]{36}$"))
        address = page.url.removeprefix(self.shop)
        page.close()
        return address

    def _leave_unpaid(self, context: BrowserContext) -> str:
        add_to_cart(context, self.shop, KNIFE)
        page = context.new_page()
        page.goto(self.shop + "/checkout")
        page.get_by_label("Another card, on the next page").check()
        page.get_by_role("button", name=re.compile("^Place order")).click()
        page.wait_for_url(re.compile("/c/pay/"))
        page.goto(self.shop + "/orders")
        address = page.locator(".order-rows a").first.get_attribute("href")
        page.close()
        assert address
        return address

    def _keep_card(self) -> None:
        page = self.customer.new_page()
        page.goto(self.shop + "/account/payment-methods")
        page.get_by_role("button", name="Add a card").click()
        email = page.locator("[autocomplete=email]")
        if not email.input_value():
            email.fill("ada@example.com")
        for name, value in (("cc-number", "4242424242424242"), ("cc-exp", "12 / 34"), ("cc-csc", "123")):
            page.locator(f"[autocomplete={name}]").fill(value)
        page.get_by_role("button", name=re.compile("Save")).click()
        page.wait_for_url(self.shop + "/account/payment-methods")
        page.close()

    def _first_address(self) -> str:
        listed = self.customer.request.get(self.shop + "/account/addresses").text()
        found = re.search(r'href="(/account/addresses/[0-9a-f-]{36})"', listed)
        assert found
        return found[1]


@pytest.fixture(scope="module")
def visitors(chromium: Browser, calm_shop: str) -> Iterator[Visitors]:
    made = Visitors(chromium, calm_shop)
    yield made
    made.close()


def test_every_page_is_accessible_and_fits(visitors: Visitors) -> None:
    found: list[str] = []
    for context, address in visitors.pages():
        page = _open(context, address)
        assert page.url == address, "another page came instead"
        for size in (PHONE, DESK):
            page.set_viewport_size(size)
            page.emulate_media(color_scheme="light")
            found += [f"{address} at {size['width']}: {one}" for one in violations(page)]
            page.emulate_media(color_scheme="dark")
            found += [f"{address} at {size['width']} in the dark: {one}" for one in violations(page, COLOURS)]
        page.set_viewport_size(NARROWEST)
        if too_wide := page.evaluate(TOO_WIDE, LONGEST):
            found.append(f"{address} is too wide: {too_wide}")
        page.close()
    assert not found, "\n".join(found)


def test_axe_finds_nothing_on_forms_that_came_back(visitors: Visitors) -> None:
    found: list[str] = []
    for context, path, button in (
        (visitors.nobody, "/login", "Sign in"),
        (visitors.nobody, "/register", "Create account"),
        (visitors.nobody, "/track", "Find my order"),
        (visitors.guest, "/checkout", "Place order"),
        (visitors.customer, "/account/password", "Change password"),
    ):
        page = _open(context, visitors.shop + path)
        # Past what the browser checks beforehand, so that the server's answer is seen.
        page.evaluate("document.querySelectorAll('[required]').forEach(f => f.removeAttribute('required'))")
        page.get_by_role("main").get_by_role("button", name=re.compile(f"^{button}")).click()
        page.get_by_text("There is a problem").wait_for()
        expect(page.locator(".summary-of-errors"), path).to_be_focused()
        page.evaluate(AXE)
        found += [f"{path}: {one}" for one in violations(page)]
        page.emulate_media(color_scheme="dark")
        found += [f"{path} in the dark: {one}" for one in violations(page, COLOURS)]
        page.close()
    assert not found, "\n".join(found)


LONGEST = max(
    ("Delivered", *(words.short for table in (PARCELS, SHIPMENTS) for words in table.values())),
    key=lambda short: max(len(word) for word in short.split()),
)
"""Whichever step an order is at when it is looked at, its words are the longest of all."""
TOO_WIDE = """longest => {
  for (const step of document.querySelectorAll('.steps:not(.steps-small) span')) {
    step.textContent = longest
    step.className = 'now'
  }
  const width = document.documentElement.clientWidth
  if (document.documentElement.scrollWidth <= width) return ''
  return [...document.querySelectorAll('main *, header *, footer *')]
    .filter(e => e.getBoundingClientRect().right > width)
    .map(e => `${e.tagName}.${e.className} ${e.getBoundingClientRect().right}`).join(' ')
}"""
"""In one call, between two news of the order."""


def _open(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.emulate_media(color_scheme="light")
    page.goto(address)
    # By evaluate, which the page's content security policy does not concern.
    page.evaluate(AXE)
    return page
