"""Orders placed a second, by four threads, each cart of two lines out of 200 products."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

from bench.shop import Shop
from standins.folder_lock import attach
from storefront.config import Settings
from storefront.domain.addresses import PostalAddress
from storefront.domain.cart import digest
from storefront.domain.ids import UserId
from storefront.process import Process
from storefront.services import carts
from storefront.services.checkout import Placement, place

THREADS = 4
ORDERS = 200
ADDRESS = PostalAddress(
    name="Bench", line1="1 Long Row", city="Portland", zip="97201", region="OR", country="US"
)


def report(shop: Shop) -> str:
    found = attach(shop.data)
    if found is None:
        raise SystemExit("the shop is gone")
    process = Process(Settings(database_url=found["STOREFRONT_DATABASE_URL"]), pool_size=THREADS)
    skus = [card.sku for card in process.stores().products.home().newest]
    ready = [_cart(process, random.sample(skus, 2)) for _ in range(ORDERS)]
    started = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda placement: place(process.stores(), placement, timedelta(minutes=15)), ready))
    taken = time.perf_counter() - started
    process.engines.dispose()
    return f"Orders of two lines placed by {THREADS} threads: {ORDERS / taken:.0f} a second."


def _cart(process: Process, skus: list[str]) -> Placement:
    stores, user = process.stores(), UserId(uuid4())
    with stores.transaction():
        for sku in skus:
            stores.stock.receive(sku, 1)
    for sku in skus:
        carts.add(stores, user, sku, 1)
    cart = stores.carts.active(user)
    assert cart.cart_id is not None
    seen = digest((line.sku, line.qty, line.price_cents) for line in cart.lines)
    return Placement(user, cart.cart_id, seen, "bench@example.com", ADDRESS)
