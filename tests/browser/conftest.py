"""A shop started as a newcomer starts it, and Chromium to visit it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.support.chromium import find
from tests.support.processes import Running

FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE: ViewportSize = {"width": 390, "height": 844}
BOUND = 15_000


def pytest_itemcollected(item: pytest.Item) -> None:
    if "browser" in item.path.parts:
        item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a shop with its demo catalogue and a carrier in a hurry."""
    yield from serving(tmp_path_factory.mktemp("shop"), STOREFRONT_CARRIER_STEP_SECONDS="1")


@pytest.fixture(scope="session")
def calm_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a shop whose carrier never comes, so that an order can still be changed after a while."""
    yield from serving(tmp_path_factory.mktemp("calm"), STOREFRONT_CARRIER_STEP_SECONDS="3600")


def serving(data: Path, **environment: str) -> Iterator[str]:
    """The address of a shop that runs for as long as this goes on."""
    running = Running(
        str(Path(sys.executable).with_name("storefront")),
        "serve",
        env={
            "PORT": "0",
            "STOREFRONT_DATA": str(data),
            # Other tests have one that leads nowhere; a newcomer has none, so that mail can be read.
            "AWS_ENDPOINT_URL_SESV2": "",
            **environment,
        },
        bound=90,
    )
    try:
        yield running.address
    finally:
        running.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One a file: while it is there, its thread has an event loop, and other files' tests want their own."""
    path = find()
    if path is None:
        pytest.fail("Chromium is missing: python tests/support/chromium.py says how to get it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


class Console:
    """What the browser complained about."""

    def __init__(self, page: Page) -> None:
        self.complaints: list[str] = []
        page.on(
            "console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: self.complaints.append(str(error)))


@pytest.fixture
def phone(chromium: Browser) -> Iterator[Page]:
    """A page as wide as a phone."""
    context = chromium.new_context(viewport=PHONE, has_touch=True)
    context.set_default_timeout(BOUND)
    yield context.new_page()
    context.close()


@pytest.fixture
def console(phone: Page) -> Console:
    return Console(phone)


@pytest.fixture
def plain(chromium: Browser) -> Iterator[Page]:
    """A page in a browser without JavaScript."""
    context = chromium.new_context(viewport=PHONE, java_script_enabled=False)
    context.set_default_timeout(BOUND)
    yield context.new_page()
    context.close()
