"""A product's pictures in a browser: by touch, keys and without scripts, and nothing moves as they come."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Console, serving
from tests.support.axe import AXE, COLOURS, violations
from tests.support.photographs import photograph, put

SHIFTS = """() => new Promise(done => new PerformanceObserver(
  list => done(list.getEntries().reduce((sum, one) => sum + one.value, 0))
).observe({type: 'layout-shift', buffered: true}) || setTimeout(() => done(0), 500))"""


@pytest.fixture(scope="module")
def pot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a product with three pictures."""
    folder = tmp_path_factory.mktemp("photos")
    for n in range(3):
        put(folder, f"{n}.jpg", photograph(1300, 1000 + 100 * n))
    catalog = folder / "catalog.csv"
    catalog.write_text(
        "sku,name,price_cents,image_url,image_urls,quantity\npot,Pot,100,0.jpg,1.jpg 2.jpg,5\n"
    )
    data = tmp_path_factory.mktemp("gallery")
    for address in serving(data):
        for command in (("import", catalog), ("images", folder)):
            subprocess.run(
                [Path(sys.executable).with_name("storefront"), "catalog", *command],
                env={**os.environ, "STOREFRONT_DATA": str(data)},
                check=True,
            )
        yield f"{address}/products/pot"


def seen(page: Page) -> str | None:
    """The picture that the strip shows, by its place."""
    shown: str | None = page.evaluate(
        "() => { const s = document.querySelector('.views');"
        " return s.children[Math.round(s.scrollLeft / s.clientWidth)].id }"
    )
    return shown


def test_small_pictures_lead_to_large_ones_and_the_page_stays(
    pot: str, phone: Page, console: Console
) -> None:
    phone.emulate_media(reduced_motion="reduce")
    phone.goto(pot)
    current = phone.locator(".thumbs [aria-current]")
    expect(current).to_have_accessible_name("Picture 1 of 3")
    phone.get_by_role("link", name="Picture 3 of 3").last.click()
    expect(current).to_have_accessible_name("Picture 3 of 3")
    assert seen(phone) == "view-3"
    assert phone.evaluate("scrollY") == 0
    assert phone.url == pot
    assert phone.evaluate(SHIFTS) < 0.01
    assert console.complaints == []


def test_a_picture_is_looked_at_by_keys_alone(pot: str, phone: Page, console: Console) -> None:
    phone.emulate_media(reduced_motion="reduce")
    phone.goto(pot)
    first = phone.locator(".view").first
    first.focus()
    phone.keyboard.press("Enter")
    dialog = phone.get_by_role("dialog")
    picture = dialog.locator("img")
    expect(picture).to_have_attribute("alt", "Pot")
    expect(dialog.get_by_role("button", name="Back")).to_be_disabled()
    phone.keyboard.press("ArrowRight")
    expect(picture).to_have_attribute("alt", "Pot, picture 2 of 3")
    dialog.get_by_role("button", name="Next").click()
    expect(picture).to_have_attribute("alt", "Pot, picture 3 of 3")
    phone.keyboard.press("ArrowRight")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1200
    phone.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(phone.locator("#view-3 .view")).to_be_focused()
    assert seen(phone) == "view-3"
    assert console.complaints == []


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_axe_finds_nothing_on_a_gallery(pot: str, phone: Page, width: int) -> None:
    phone.set_viewport_size({"width": width, "height": 900})
    phone.emulate_media(color_scheme="light", reduced_motion="reduce")
    phone.goto(pot)
    phone.evaluate(AXE)
    found = violations(phone)
    assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for scheme in ("light", "dark"):
        phone.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
        found += violations(phone, COLOURS)
        phone.locator(".view").first.click()
        found += violations(phone)
        phone.keyboard.press("Escape")
    assert found == []


def test_without_scripts_they_are_links(pot: str, plain: Page) -> None:
    plain.emulate_media(reduced_motion="reduce")
    plain.goto(pot)
    expect(plain.locator("#view-2")).not_to_be_in_viewport(ratio=0.1)
    plain.locator(".thumbs a").nth(1).click()
    plain.wait_for_url(f"{pot}#view-2")
    expect(plain.locator("#view-2")).to_be_in_viewport(ratio=0.9)
    plain.locator("#view-2 .view").click()
    plain.wait_for_url("**/media/*-1200.webp")


def test_the_browser_takes_the_smaller_format_as_wide_as_its_place(pot: str, phone: Page) -> None:
    phone.goto(pot)
    picture = phone.locator("#view-1 img")
    # 355 CSS pixels at one device pixel each.
    assert picture.evaluate("image => image.decode().then(() => image.currentSrc)").endswith("-400.avif")
    phone.set_viewport_size({"width": 1280, "height": 900})
    phone.reload()
    assert picture.evaluate("image => image.decode().then(() => image.currentSrc)").endswith("-800.avif")
