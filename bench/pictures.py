"""Takes the README's pictures: ``make pictures``. Needs Chromium, as the browser tests do."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from bench.shop import running
from tests.browser.conftest import FLAGS
from tests.support.buying import check_out, choose, pay  # the tests' shopper shops here too
from tests.support.chromium import find

ROOT = Path(__file__).parents[1]


PICTURES = ROOT / "bench" / "figures"


def main() -> None:
    PICTURES.mkdir(exist_ok=True)
    with running() as shop, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=FLAGS)
        desk = browser.new_page(viewport={"width": 1280, "height": 860})
        desk.goto(shop.address)
        _take(desk, "home")
        shopper = browser.new_context(viewport={"width": 390, "height": 780}, device_scale_factor=2)
        phone = shopper.new_page()
        choose(phone, shop.address, "Table")
        phone.get_by_role("button", name="Add to cart").click()
        phone.wait_for_selector("#notice .said")
        check_out(phone, shop.address)
        order = shopper.new_page()
        order.goto(shop.address + "/cart")
        order.locator("a[href^='/orders/']").first.click()
        _take(order, "hold")
        pay(phone)
        phone.wait_for_selector("[data-status=shipped]", timeout=60_000)
        _take(phone, "tracking")
        browser.close()


def _take(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    shot = PICTURES / f"{name}.png"
    page.screenshot(path=shot)
    with Image.open(shot) as picture:
        picture.save(PICTURES / f"{name}.webp", quality=82, method=6)
    shot.unlink()


main()
