"""The app's half of the page cache: which requests ask for a page of everybody's, and what it depends on."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

import pytest
from flask import Flask, Response
from prometheus_client import REGISTRY

from storefront import create_app
from storefront.config import Settings
from storefront.server.page_cache import CONSENT
from storefront.web.page_cache import CACHE_CONTROL, Key, Pages, cached


@dataclass
class Asked:
    path: str
    query_string: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "GET"


@pytest.fixture(scope="module")
def shop() -> Flask:
    return create_app(Settings(database_url="postgresql://nobody@127.0.0.1:9/none"))


@pytest.fixture
def pages(shop: Flask) -> Pages:
    return Pages(shop)


@pytest.mark.parametrize(
    ("path", "endpoint"),
    [
        ("/", "catalog.home"),
        ("/products", "catalog.listing"),
        ("/products/a b/é", "catalog.product"),
        ("/cart", None),
        ("/products-of-others", None),
        ("//", None),
        ("/healthz", None),
    ],
)
def test_home_lists_and_products_are_everybodys(pages: Pages, path: str, endpoint: str | None) -> None:
    key = pages.key(Asked(path))
    assert (key and key.endpoint) == endpoint


def test_only_what_the_page_depends_on_tells_pages_apart(pages: Pages) -> None:
    def key(query: str, path: str = "/products", **headers: str) -> Key | None:
        return pages.key(
            Asked(path, query, {name.replace("_", "-"): value for name, value in headers.items()})
        )

    assert key("q=1") == key("utm=x&q=1") == key("q=1&utm=y", accept_language="de")
    assert key("utm=x", "/") == key("", "/")
    different = [key(""), key("q=1"), key("q=2"), key("q="), key("q=1&page=2"), key("q=1&q=2"), key("", "/")]
    different += [key("q=%FF"), key("q=%FE"), key("q=%EF%BF%BD"), key("", hx_request="true")]
    assert len(set(different)) == len(different)
    assert key("", hx_request="true", hx_request_type="full") == key("")


def test_pages_that_the_server_kept_are_counted_within_a_second_or_so(pages: Pages) -> None:
    labels = {"endpoint": "catalog.home", "method": "GET", "status": "304"}

    def counted() -> float:
        return REGISTRY.get_sample_value("storefront_requests_total", labels) or 0.0

    key, before = pages.key(Asked("/")), counted()
    assert key

    async def answer() -> None:
        for _ in range(3):
            pages.count(key, "GET", 304)
        until = time.monotonic() + 5
        while counted() == before:
            assert time.monotonic() < until
            await asyncio.sleep(0.05)

    asyncio.run(answer())
    assert counted() == before + 3


def test_only_a_200_may_be_kept() -> None:
    app = Flask("test")
    status = 200

    @app.get("/page")
    @cached()
    def page() -> Response:
        return Response("text", status)

    client = app.test_client()
    good = client.get("/page")
    assert CONSENT in good.headers
    assert good.headers["Cache-Control"] == CACHE_CONTROL
    status = 404
    assert CONSENT not in client.get("/page").headers
