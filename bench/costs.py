"""What the shop's pages cost beside bare ones, as ratios of CPU in one run: ``python -m bench.costs``."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime

from bench.cost import BROWSER, WARMING, Cost, client, cost
from bench.shop import Bare, Shop, bare, running
from storefront.config import Settings
from storefront.process import Process

REQUESTS = 2_000
PRODUCT = "/products/KIT-ENAMEL-KETTLE"


def report(shop: Shop, reference: Bare) -> list[str]:
    """The table, in lines of Markdown."""
    hello = cost(reference.address, reference.processes, ["/"], REQUESTS)
    select = cost(reference.address, reference.processes, [PRODUCT], REQUESTS)
    with client(shop.address) as one:
        _, headers, _ = one.get("/", BROWSER)
    others = _products(shop)
    rows = [
        ("bare Flask hello", hello, hello, "hello"),
        ("bare page of one SELECT", select, hello, "hello"),
        ("home, warm", _of(shop, ["/"]), hello, "hello"),
        ("list, warm", _of(shop, ["/products"]), hello, "hello"),
        ("product, warm", _of(shop, [PRODUCT]), hello, "hello"),
        ("home, not modified", _of(shop, ["/"], {"If-None-Match": headers["etag"]}), hello, "hello"),
        (
            "product, another each time",
            _of(shop, others, requests=len(others) - WARMING),
            select,
            "one SELECT",
        ),
        ("list or search, another each time", _of(shop, _lists(), requests=60), select, "one SELECT"),
    ]
    return [
        "| page | CPU, µs | bytes | ratio | of |",
        "| --- | ---: | ---: | ---: | --- |",
        *(_row(name, found, found.micros / beside.micros, what) for name, found, beside, what in rows),
    ]


def _row(name: str, found: Cost, ratio: float, beside: str) -> str:
    return f"| {name} | {found.micros:.0f} | {found.bytes} | {ratio:.2f} | {beside} |"


def _of(
    shop: Shop, paths: Sequence[str], headers: dict[str, str] | None = None, requests: int = REQUESTS
) -> Cost:
    return cost(shop.address, shop.web, paths, requests, headers)


def _products(shop: Shop) -> list[str]:
    """Each asked for once, so that none is kept."""
    process = Process(Settings(database_url=shop.database_url), pool_size=1)
    try:
        return [f"/products/{sku}" for sku, _ in process.stores().products.sitemap("", 5_000)]
    finally:
        process.engines.dispose()


def _lists() -> list[str]:
    return [
        f"/products?sort={sort}&in_stock={flag}&q={word}"
        for sort in ("newest", "price", "-price")
        for flag in (0, 1)
        for word in ("", "a", "e", "s", "t", "l", "b", "c", "w", "p", "k", "g", "d", "m")
    ]


def main() -> None:
    with running() as shop, bare(shop) as reference:
        began = os.getloadavg()[0]
        lines = report(shop, reference)
        load = f"load {began:.1f} to {os.getloadavg()[0]:.1f}"
        print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, {load}\n")
        print("\n".join(lines))


if __name__ == "__main__":
    main()
