"""What the shop's pages cost beside bare ones, in CPU of the web processes: ``python -m bench.costs``."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from bench import polling
from bench.catalog import COMMON, words
from bench.cost import Asked, Client, Cost, client, cost, cpu_seconds
from bench.shop import Bare, Shop, bare, running
from bench.shopping import Shopper

MANY = 1_500
FEW = 120
SHOPPERS = 40
"""So many orders are placed by hand, each of a cart of its own: more are not held from one address."""
PRODUCT = "/products/B0000001"


@dataclass(frozen=True)
class Row:
    """``goal`` is the most that it should cost, as a multiple of ``beside``."""

    name: str
    found: Cost
    beside: str
    goal: float | None = None


class Bench:
    """One shop with a catalogue of ``products`` beside the bare pages; each answers alone."""

    def __init__(self, shop: Shop, reference: Bare, products: int) -> None:
        self._shop = shop
        self._reference = reference
        self._chance = random.Random(2)
        self._products = products

    def bare(self) -> dict[str, Cost]:
        def of(asked: Asked) -> Cost:
            return cost(self._reference.address, self._reference.processes, [asked] * MANY)

        return {
            "hello": of(Asked("/")),
            "one SELECT": of(Asked(PRODUCT)),
            "smallest checkout": of(Asked("/orders", {"sku": "B0000001"})),
        }

    def rows(self) -> Iterator[Row]:
        yield from self._public()
        yield from self._buying()

    # --- the same for everybody

    def _public(self) -> Iterator[Row]:
        with client(self._shop.address) as one:
            tag = one.send(Asked("/")).headers["etag"]
        for name, path in (("home", "/"), ("list", "/products"), ("product", PRODUCT)):
            yield Row(f"{name}, warm", self._of(Asked(path) for _ in range(MANY)), "hello", 0.5)
        known = Asked("/", headers={"If-None-Match": tag})
        yield Row("home, not modified", self._of([known] * MANY), "hello", 0.5)
        others = (Asked(f"/products/B{self._any():07}") for _ in range(5 * FEW))
        yield Row("product, another each time", self._of(others), "one SELECT", 1.11)
        lists = (self._list(number) for number in range(2 * FEW))
        yield Row("list of 24, another each time", self._of(lists), "one SELECT", 2.0)
        known_words = words(4_000)
        two = [f"{a}+{b}" for a, b in zip(known_words[:COMMON] * 5, known_words[500:], strict=False)]
        searches = (Asked(f"/products?q={typed}") for typed in two[:FEW])
        yield Row("search, two words", self._of(searches), "one SELECT", 2.0)
        slips = (
            Asked(f"/products?q={word[:2] + word[3:]}") for word in known_words[1000:2000] if len(word) > 6
        )
        yield Row("search, a letter missing", self._of(list(slips)[:FEW]), "one SELECT", 2.0)

    def _list(self, number: int) -> Asked:
        pages = max(1, self._products // 24)
        sort = ("newest", "price", "-price")[number % 3]
        return Asked(f"/products?sort={sort}&page={self._chance.randrange(pages) + 1}")

    # --- a shopper's own

    def _buying(self) -> Iterator[Row]:
        adds = (Asked("/cart/items", {"sku": "B0000001", "quantity": "1"}) for _ in range(3 * FEW))
        yield Row("add to cart, new visitor", self._of(adds), "smallest checkout", 1.67)
        shopper = Shopper(self._shop.address)
        with client(self._shop.address) as one:
            shopper.fill(one, [f"B{n:07}" for n in (1, 2, 3)])
            shopper.order_form(one)
        yield Row("cart page, 3 lines", self._again(shopper, "/cart"), "one SELECT", 1.67)
        yield Row("checkout page", self._again(shopper, "/checkout"), "hello", 6)
        yield from self._orders()

    def _orders(self) -> Iterator[Row]:
        ready: list[tuple[Shopper, dict[str, str]]] = []
        pages: list[tuple[Shopper, str]] = []
        with client(self._shop.address) as one:
            for _ in range(SHOPPERS):
                shopper = Shopper(self._shop.address)
                shopper.fill(one, [f"B{self._any():07}" for _ in range(2)])
                ready.append((shopper, shopper.order_form(one)))

            def place(shopper: Shopper, form: dict[str, str]) -> None:
                pages.append((shopper, shopper.send(one, "/checkout", form).headers["location"]))

            yield Row("POST /checkout with Stripe's page", self._each(place, ready), "hello", 18)
            paid = [(shopper, shopper.pay(page)) for shopper, page in pages]
            orders: list[tuple[Shopper, str]] = []

            def come_back(shopper: Shopper, path: str) -> None:
                orders.append((shopper, shopper.send(one, path).headers["location"]))

            yield Row("back from Stripe's page", self._each(come_back, paid), "hello")
            yield Row("order page, paid", self._each(lambda s, p: s.send(one, p), orders), "hello")
            yield from self._polls(one, *orders[-1])

    def _polls(self, one: Client, shopper: Shopper, path: str) -> Iterator[Row]:
        """What an open page of an order asks for every few seconds, and would if it went on at the end."""
        asked = polling.question(one, shopper, path)
        yield Row("order polled, nothing new", self._of([asked] * FEW), "hello", 3)
        anew = polling.anew(shopper, path)
        yield Row("order polled, something new", self._of([anew] * FEW), "hello", 16)
        polling.wait_until_delivered(one, shopper, path)
        yield Row("order polled, finished", self._of([anew] * FEW), "hello")

    def _any(self) -> int:
        return self._chance.randrange(self._products)

    def _of(self, asked: Iterable[Asked]) -> Cost:
        return cost(self._shop.address, self._shop.web, asked)

    def _again(self, shopper: Shopper, path: str) -> Cost:
        return self._of([shopper.asked(path)] * (3 * FEW))

    def _each(self, act: Callable[..., object], with_what: Sequence[tuple[Shopper, object]]) -> Cost:
        """Of one call of ``act``, which sends one request."""
        web = self._shop.web
        before = sum(map(cpu_seconds, web))
        for values in with_what:
            act(*values)
        return Cost((sum(map(cpu_seconds, web)) - before) / len(with_what) * 1e6, 0, 0.0)


def table(bench: Bench) -> list[str]:
    """In lines of Markdown."""
    reference = bench.bare()
    lines = ["| what | CPU, µs | bytes | ratio | of | goal |", "| --- | ---: | ---: | ---: | --- | ---: |"]
    for name, found in reference.items():
        lines.append(_line(Row(f"bare: {name}", found, "hello"), reference))
    lines += [_line(row, reference) for row in bench.rows()]
    return lines


def _line(row: Row, reference: dict[str, Cost]) -> str:
    ratio = row.found.micros / reference[row.beside].micros
    goal = f"{row.goal:g}" if row.goal else ""
    size = row.found.bytes or ""
    return f"| {row.name} | {row.found.micros:.0f} | {size} | {ratio:.2f} | {row.beside} | {goal} |"


def main() -> None:
    products = 10_000
    with running(products) as shop, bare(shop) as reference:
        print("\n".join(table(Bench(shop, reference, products))))


if __name__ == "__main__":
    main()
