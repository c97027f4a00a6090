"""An order in two parcels, followed to the end on a phone while the store that tells of them goes away."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import uuid4

import pytest
import requests
from playwright.sync_api import Locator, Page, expect
from standardwebhooks.webhooks import Webhook

from tests.browser.conftest import serving
from tests.conftest import CARRIER_SECRET
from tests.support.buying import check_out, choose, pay
from tests.support.proxy import Proxy

SECONDS = 20_000
"""Milliseconds: a worker's round, a breaker's second look, or the page's own next question."""


class Warehouse:
    """Books and reports by signed posts, as a warehouse's and a carrier's own programs do."""

    def __init__(self, shop: str) -> None:
        self._url = f"{shop}/webhooks/carrier"
        self._signer = Webhook(CARRIER_SECRET)

    def book(self, number: str, code: str, sku: str) -> None:
        lines = [{"sku": sku, "quantity": 1}]
        data = {"order_number": number, "carrier": "DHL", "tracking_code": code, "lines": lines}
        self._post("parcel.booked", data)

    def report(self, code: str, status: str, place: str = "") -> None:
        at = datetime.now(UTC).isoformat()
        data = {"carrier": "DHL", "tracking_code": code, "status": status, "timestamp": at, "place": place}
        self._post("tracking.updated", data)

    def _post(self, kind: str, data: Mapping[str, object]) -> None:
        body, name, now = json.dumps({"type": kind, "data": data}), f"msg_{uuid4().hex}", datetime.now(UTC)
        headers = {
            "webhook-id": name,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(name, now, body),
        }
        answer = requests.post(self._url, data=body, headers=headers, timeout=5)
        assert answer.ok, answer.text


class Street(NamedTuple):
    """A shop without a carrier of its own, and the wire to its DynamoDB."""

    shop: str
    dynamodb: Proxy


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory, dynamodb_endpoint: str) -> Iterator[Street]:
    wire = Proxy.to(dynamodb_endpoint)
    running = serving(
        tmp_path_factory.mktemp("street"),
        STOREFRONT_CARRIER_WEBHOOK_SECRET=CARRIER_SECRET,
        STOREFRONT_DYNAMODB_PREFIX=f"street-{uuid4().hex[:8]}-",
        AWS_ENDPOINT_URL_DYNAMODB=wire.address,
    )
    yield Street(next(running), wire)
    next(running, None)
    wire.close()


@pytest.mark.parametrize("scripts", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_an_order_of_two_parcels_to_the_end(phone: Page, plain: Page, street: Street, scripts: bool) -> None:
    page, warehouse = phone if scripts else plain, Warehouse(street.shop)
    number, skus = _bought(page, street.shop)
    first, second = f"A{uuid4().hex[:10]}", f"B{uuid4().hex[:10]}"

    def shows(headline: str | re.Pattern[str], *, by_itself: bool = False) -> None:
        _until(page, headline, look_again=not (scripts and by_itself))
        too_wide = page.evaluate("document.documentElement.scrollWidth > innerWidth") if scripts else False
        assert not too_wide, f"wider than the phone: {headline}"

    shows(re.compile("packing your order"))
    warehouse.book(number, first, skus[0])
    warehouse.report(first, "in_transit", "Salem")
    shows(re.compile("On its way"), by_itself=True)
    expect(_parcel(page, first)).to_contain_text("Salem")
    expect(page.locator(".unpacked")).to_contain_text("Still being packed")
    warehouse.book(number, second, skus[1])
    warehouse.report(first, "delivered", "Portland")
    shows("One of two parcels delivered")
    expect(page.get_by_role("link", name="Follow it at DHL").first).to_have_attribute(
        "href", re.compile("dhl")
    )

    # The store that tells of parcels is gone: Aurora's copy says as much, and as of when.
    street.dynamodb.order("refuse")
    try:
        warehouse.report(second, "out_for_delivery", "Depot")
        shows(re.compile("One of two parcels is out for delivery today|Parcel 2 .*out for delivery today"))
        expect(page.locator("#tracking")).to_contain_text("as of")
        for code, status in ((first, "delivered"), (second, "out_for_delivery")):
            expect(_parcel(page, code)).to_have_attribute("data-parcel-status", status)
            expect(_parcel(page, code)).to_contain_text("DHL")
    finally:
        street.dynamodb.order("pass")

    warehouse.report(second, "delivered", "Portland")
    shows(re.compile("Delivered today"))
    tracking = page.locator("#tracking")
    expect(tracking).to_have_attribute("data-status", "delivered")
    expect(tracking.locator(".timeline")).to_contain_text("Parcel 2")
    if not scripts:
        return
    # Once DynamoDB tells it all again, there is nothing to wait for, and the page asks no more.
    expect(tracking).not_to_have_attribute("data-hx-get", re.compile("."), timeout=SECONDS)
    expect(tracking).not_to_contain_text("as of")


def _bought(page: Page, shop: str) -> tuple[str, list[str]]:
    """Two different things, paid for; the order's number and what was bought."""
    for department in ("Kitchen", "Garden"):
        choose(page, shop, department)
        page.get_by_role("button", name="Add to cart").click()
        expect(page.locator("#cart-count")).to_have_text(re.compile(r"Cart \(\d\)"))
    check_out(page, shop)
    pay(page)
    page.wait_for_url(re.compile(r"//127\.0\.0\.1:\d+/orders/[0-9a-f-]{36}$"))
    found = [
        one.get_attribute("href") or "" for one in page.locator(".mini-lines a[href^='/products/']").all()
    ]
    return page.locator("h1 .number").inner_text(), [href.rpartition("/")[2] for href in found]


def _parcel(page: Page, code: str) -> Locator:
    return page.locator(f"[data-parcel={code}]")


def _until(page: Page, headline: str | re.Pattern[str], *, look_again: bool) -> None:
    """The page says so by itself, or to somebody who looks again every moment."""
    words = page.locator("[data-headline]")
    if look_again:
        for _ in range(SECONDS // 400):
            said = words.inner_text().replace("\n", " ")
            if said == headline if isinstance(headline, str) else headline.search(said):
                return
            page.wait_for_timeout(400)
            page.reload()
    expect(words).to_have_text(headline, timeout=SECONDS)
