"""What the web processes' memory grows by while pages are asked for, one after the other."""

from __future__ import annotations

import random

from bench.cost import Asked, cost, memory_mb
from bench.shop import Shop

REQUESTS = 10_000


def report(shop: Shop, products: int) -> str:
    chance = random.Random(4)
    pages = products // 24

    def asked(number: int) -> Asked:
        if number % 2:
            return Asked(f"/products?page={chance.randrange(pages) + 1}")
        return Asked(f"/products/B{chance.randrange(products):07}")

    before = sum(map(memory_mb, shop.web))
    cost(shop.address, shop.web, map(asked, range(REQUESTS)))
    after = sum(map(memory_mb, shop.web))
    return f"{REQUESTS:,} requests, after those above, took it from {before:.0f} to {after:.0f} MB."
