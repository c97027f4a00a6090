"""What a person does to buy something."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.support.factories import DECLINED_CARD, FORM, GOOD_CARD


def choose(page: Page, shop: str, department: str) -> str:
    """From the home page to the first product to be had in a department; its name."""
    page.goto(shop + "/")
    page.get_by_role("navigation", name="Departments").get_by_role("link", name=department).click()
    page.locator(".card:not(:has-text('Sold out')) a").first.click()
    expect(page.get_by_role("button", name="Add to cart")).to_be_visible()
    return page.get_by_role("heading", level=1).inner_text()


def check_out(page: Page, shop: str) -> None:
    """From the cart to Stripe's page."""
    page.goto(shop + "/cart")
    page.get_by_role("link", name=re.compile("check ?out", re.IGNORECASE)).click()
    page.locator("[name=country]").select_option(FORM["country"])
    for name, value in FORM.items():
        if name != "country":
            page.locator(f"[name={name}]").fill(value)
    page.get_by_role("button", name=re.compile(r"^Place order: \$")).click()
    page.wait_for_url(re.compile(r"//localhost:\d+/c/pay/"))


def pay(page: Page, card: str = GOOD_CARD) -> None:
    """Fill in Stripe's page and send it."""
    page.locator("[autocomplete=cc-number]").fill(card)
    page.locator("[autocomplete=cc-exp]").fill("12 / 34")
    page.locator("[autocomplete=cc-csc]").fill("123")
    page.get_by_role("button", name=re.compile("^Pay")).click()


def pay_at_second_try(page: Page) -> None:
    pay(page, DECLINED_CARD)
    expect(page.get_by_text("declined").first).to_be_visible()
    pay(page)
    page.wait_for_url(re.compile(r"//127\.0\.0\.1:\d+/orders/[0-9a-f-]{36}$"))
