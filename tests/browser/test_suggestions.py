"""The search field offers what there is while it is being typed into."""

from __future__ import annotations

import time
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Console
from tests.support.axe import AXE

AT = "**/products/suggestions?*"


def test_it_is_a_combobox_that_keys_lead_through(phone: Page, shop: str, console: Console) -> None:
    phone.goto(shop)
    field = phone.get_by_role("combobox", name="Search the shop")
    expect(field).to_have_attribute("aria-expanded", "false")
    field.press_sequentially("lam")
    options = phone.get_by_role("listbox", name="Suggestions").get_by_role("option")
    expect(options.first).to_be_visible()
    expect(field).to_have_attribute("aria-expanded", "true")
    expect(phone.locator(".search [role=status]")).to_contain_text("suggestions for lam")
    field.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    assert field.get_attribute("aria-activedescendant") == options.first.get_attribute("id")
    field.press("ArrowUp")
    assert field.get_attribute("aria-activedescendant") is None
    field.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    phone.evaluate(AXE)
    found = phone.evaluate("axe.run('.search')")
    assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
    field.press("Escape")
    expect(field).to_have_attribute("aria-expanded", "false")
    expect(field).to_have_value("lam")
    field.press("ArrowDown")
    product = options.filter(has_text="$").first
    expect(product).to_be_visible()
    while product.get_attribute("aria-selected") != "true":
        field.press("ArrowDown")
    target = product.get_attribute("href")
    field.press("Enter")
    phone.wait_for_url(f"{shop}{target}")
    assert console.complaints == []


def test_enter_without_a_choice_searches_as_the_form_does(phone: Page, shop: str) -> None:
    phone.goto(shop)
    phone.locator("#q").fill("lamp")
    phone.locator("#q").press("Enter")
    phone.wait_for_url(f"{shop}/products?q=lamp")


def test_a_click_leads_to_what_is_clicked_and_one_beside_closes(phone: Page, shop: str) -> None:
    phone.goto(shop)
    phone.locator("#q").press_sequentially("kettle")
    option = phone.get_by_role("option").filter(has_text="$").first
    expect(option).to_be_visible()
    phone.mouse.click(5, 840)
    expect(option).to_be_hidden()
    phone.locator("#q").press_sequentially("s")
    phone.locator("#q").press("Backspace")
    target = option.get_attribute("href")
    option.click()
    phone.wait_for_url(f"{shop}{target}")


def test_an_answer_that_comes_late_is_never_shown_over_a_newer_one(phone: Page, shop: str) -> None:
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if parse_qs(urlsplit(route.request.url).query)["q"] == ["lamp"]:
            held.append(route)
        else:
            route.continue_()

    phone.route(AT, hold_the_first)
    phone.goto(shop)
    field = phone.locator("#q")
    field.fill("lamp")
    deadline = time.monotonic() + 10
    while not held and time.monotonic() < deadline:
        phone.wait_for_timeout(20)
    field.fill("kettle")
    expect(phone.get_by_role("option").filter(has_text="kettle").first).to_be_visible()
    held[0].fulfill(body='<div id="suggestions"><p data-told></p><a href="/late">Late</a></div>')
    phone.wait_for_timeout(300)
    expect(phone.get_by_role("option").filter(has_text="Late")).to_have_count(0)
    expect(phone.get_by_role("option").filter(has_text="kettle").first).to_be_visible()


def test_words_typed_fast_are_asked_for_once(phone: Page, shop: str) -> None:
    asked: list[str] = []
    phone.on("request", lambda one: asked.append(one.url) if "/suggestions?" in one.url else None)
    phone.goto(shop)
    phone.locator("#q").press_sequentially("lantern", delay=20)
    expect(phone.get_by_role("option").first).to_be_visible()
    assert [url.partition("?")[2] for url in asked] == ["q=lantern"]


def test_without_javascript_there_is_the_form_alone(plain: Page, shop: str) -> None:
    plain.goto(f"{shop}/products/suggestions?q=lam")
    assert plain.locator("#q").get_attribute("role") is None
    plain.locator("#suggestions a").first.click()
    expect(plain.locator("h1")).to_be_visible()
