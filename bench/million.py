"""A catalogue of a million products beside one of ten thousand, over HTTP, into ``million.md``.

Both shops run at once and are asked in turns, so that whatever else the machine does slows both: the ratios
count, the times don't. No page is asked for twice, so that none comes from what was kept.
"""

from __future__ import annotations

import os
import platform
import random
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from bench import catalog
from bench.cost import Answer, Asked, Client, client, cpu_seconds, descendants, memory_mb
from bench.shop import STOREFRONT, Shop, running
from bench.shopping import Shopper

FEW, MANY = 10_000, 1_000_000
ROUNDS = 30
SECONDS_WARM = 20
KEPT_SECONDS = 1.1
"""After so long a kept page is made anew."""
RESULTS = Path(__file__).with_name("million.md")


@dataclass(frozen=True)
class Goal:
    """``most``: so many times what the small catalogue takes, at most."""

    name: str
    most: float


GOALS = (
    *(Goal(name, 1.3) for name in ("home", "list", "category", "product", "add to cart", "cart", "place")),
    *(Goal(name, 2.0) for name in ("any page", "last page", "two words", "mistyped", "common word")),
    Goal("sitemap index", 2.0),
)


class Asking:
    """One shop, asked for each kind of page; every call of ``ask`` asks for another one."""

    def __init__(self, shop: Shop, one: Client, products: int) -> None:
        self.shop = shop
        self._one = one
        self._products = products
        self._chance = random.Random(3)
        self._number = count()
        self._words = catalog.words(4_000)

    def ask(self, name: str) -> float:
        """Seconds until the whole answer is there."""
        if name in ("cart", "place"):
            return self._buy(name)
        if name in ("home", "sitemap index"):
            time.sleep(KEPT_SECONDS)
        asked = self._asked(name)
        return self._timed(lambda: self._one.send(asked), asked.path)

    def _asked(self, name: str) -> Asked:
        # Of a page named twice the first counts, and it is kept by the whole of its address.
        again = f"page={next(self._number) + 1}"
        pages = -(-(self._products + 42) // 24)
        common, rare = self._words[: catalog.COMMON], self._words[catalog.COMMON :]
        department = self._words[-catalog.DEPARTMENTS :][self._chance.randrange(catalog.DEPARTMENTS)]
        mistyped = self._chance.choice([word for word in rare if len(word) > 6])
        paths: dict[str, Callable[[], str]] = {
            "home": lambda: "/",
            "list": lambda: f"/products?page=1&{again}",
            "category": lambda: f"/products?category={department.capitalize()}&page=1&{again}",
            "any page": lambda: f"/products?page={self._chance.randrange(pages) + 1}&{again}",
            "last page": lambda: f"/products?page={pages}&{again}",
            "two words": lambda: (
                f"/products?q={self._chance.choice(common)}+{self._chance.choice(rare)}&page=1&{again}"
            ),
            "mistyped": lambda: f"/products?q={mistyped[:2] + mistyped[3:]}&page=1&{again}",
            "common word": lambda: f"/products?q={self._chance.choice(common)}&page=1&{again}",
            "sitemap index": lambda: "/sitemap.xml",
            "product": lambda: f"/products/{self._sku()}",
        }
        if name == "add to cart":
            return Asked("/cart/items", {"sku": self._sku(), "quantity": "1"})
        return Asked(paths[name]())

    def _buy(self, name: str) -> float:
        shopper = Shopper(self.shop.address)
        shopper.fill(self._one, [self._sku() for _ in range(2)])
        if name == "cart":
            return self._timed(lambda: shopper.send(self._one, "/cart"), "/cart")
        form = shopper.order_form(self._one)
        return self._timed(lambda: shopper.send(self._one, "/checkout", form), "/checkout")

    def _timed(self, send: Callable[[], Answer], path: str) -> float:
        began = time.perf_counter()
        answer = send()
        taken = time.perf_counter() - began
        if answer.status not in (200, 303):
            raise SystemExit(f"{path} answered {answer.status}")
        return taken

    def _sku(self) -> str:
        return f"B{self._chance.randrange(self._products):07}"


def rows(few: Asking, many: Asking) -> Iterator[str]:
    for goal in GOALS:
        rounds = 5 if goal.name == "home" else ROUNDS
        # The first two of each also plan their statements.
        # Where each sitemap begins is kept for an hour: the first asks, and has no second of its kind.
        rounds, warming = (1, 0) if goal.name == "sitemap index" else (rounds + 2, 2)
        taken: dict[Asking, list[float]] = {few: [], many: []}
        for asking in (few, many) * rounds:
            taken[asking].append(asking.ask(goal.name))
        small, large = (statistics.median(taken[asking][warming:]) * 1000 for asking in (few, many))
        print(f"{goal.name}: {large / small:.2f}", flush=True)
        yield f"| {goal.name} | {small:.1f} | {large:.1f} | {large / small:.2f} | {goal.most:g} |"


def database_processes(shop: Shop) -> list[int]:
    """PostgreSQL's, those that serve a connection and those that clean up."""
    return [pid for pid in descendants(shop.pid) if b"postgres" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def warm_load(asking: Asking, one: Client) -> float:
    """The part of a core that PostgreSQL takes while two warm pages are asked for ten times a second."""
    shop, pids = asking.shop, database_processes(asking.shop)
    before, began = {pid: cpu_of(pid) for pid in pids}, time.monotonic()
    while time.monotonic() < began + SECONDS_WARM:
        one.send(Asked("/"))
        one.send(Asked("/products"))
        time.sleep(0.1)
    assert shop.web
    return sum(cpu_of(pid) - before[pid] for pid in pids) / (time.monotonic() - began)


def cpu_of(pid: int) -> float:
    """Of a process that may have ended meanwhile."""
    try:
        return cpu_seconds(pid)
    except FileNotFoundError:
        return 0.0


def bring(shop: Shop, products: int) -> str:
    """What the import of so many took."""
    file = shop.data.with_name("catalog.csv")
    catalog.write(file, products)
    began = time.perf_counter()
    subprocess.run([STOREFRONT, "catalog", "import", file], env=shop.environment, check=True)
    taken = time.perf_counter() - began
    # The largest of all children so far, and the imports come with the larger catalogue last.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return (
        f"- {products:,} products imported in {taken:.0f} s, {products / taken:,.0f} a second, {peak:.0f} MB."
    )


def main() -> None:
    began = os.getloadavg()[0]
    with ExitStack() as stack:
        few, many = (stack.enter_context(running()) for _ in range(2))
        imported = [bring(few, FEW), bring(many, MANY)]
        ones = [stack.enter_context(client(shop.address)) for shop in (few, many)]
        askings = Asking(few, ones[0], FEW), Asking(many, ones[1], MANY)
        table = list(rows(*askings))
        loads = [warm_load(asking, one) for asking, one in zip(askings, ones, strict=True)]
        memory = [sum(map(memory_mb, shop.web)) for shop in (few, many)]
    machine = f"{platform.machine()}, {os.cpu_count()} cores, load {began:.1f} to {os.getloadavg()[0]:.1f}"
    head = f"""# A million products

`make bench-million` on {datetime.now(UTC):%Y-%m-%d}: {machine}.

Medians over HTTP of pages of which none was kept, both shops running and asked in turns: the ratios count,
the times are those of a machine that may have been busy. A goal is the most that a ratio should be. Of two
words the small catalogue mostly has one hit to show, the large one a full page out of a hundred.

| what | {FEW:,}, ms | {MANY:,}, ms | ratio | goal |
| --- | ---: | ---: | ---: | ---: |
"""
    tail = [
        "",
        *imported,
        f"- PostgreSQL while only warm pages are asked: {loads[0]:.1%} of a core, and {loads[1]:.1%}.",
        f"- Memory of the web processes at the end: {memory[0]:.0f} MB, and {memory[1]:.0f} MB.",
        "",
    ]
    RESULTS.write_text(head + "\n".join([*table, *tail]))
    print(RESULTS.read_text())


if __name__ == "__main__":
    main()
