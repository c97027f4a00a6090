"""A flash sale, simulated with the measured times: ``python -m bench.flash_sale``.

A million visitors in ten minutes, for ten thousand units; most come at once. The product's page comes from
the CDN; whoever wants a unit puts it into the cart, opens the checkout and orders. Web processes work side by
side, the row of the product's stock lets one through after the other. Who waits for longer than a request may
take gets a 503 and tries again, a few times. Three seconds after the last unit is held, pages say so.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from bench.scale import COMMIT_MS, ROUND_TRIP_MS, locked_ms, measured

STEPS = ("cart", "checkout", "place")
PATIENCE = 5.0
"""Seconds until a request is answered 503 (docs/invariants.md, I14)."""
TRIES = 4
SEEN_AFTER = 3.0
"""Seconds until every page says "sold out"."""


@dataclass(frozen=True)
class Sale:
    """Times in seconds; ``wanting`` is the part of visitors that try to buy, ``first`` those of them that are
    there within the first minute."""

    visitors: int = 1_000_000
    units: int = 10_000
    seconds: float = 600.0
    wanting: float = 0.3
    first: float = 0.5
    vcpus: int = 64
    step: dict[str, float] = field(default_factory=dict)
    row: float = 0.0
    seed: int = 1


class Station:
    """Servers that take from one queue, first come first served; who has waited too long is sent away."""

    def __init__(self, clock: Clock, servers: int) -> None:
        self._clock, self._free = clock, servers
        self._queue: deque[tuple[float, float, Callable[[bool], None]]] = deque()
        self.waits: list[float] = []
        self.turned_away = 0

    def ask(self, takes: float, then: Callable[[bool], None]) -> None:
        """``then`` is told whether it was served."""
        self._queue.append((self._clock.now, takes, then))
        self._next()

    def _next(self) -> None:
        while self._free and self._queue:
            came, takes, then = self._queue.popleft()
            waited = self._clock.now - came
            if waited > PATIENCE:
                self.turned_away += 1
                self._clock.at(self._clock.now, partial(then, False))
                continue
            self.waits.append(waited)
            self._free -= 1
            self._clock.at(self._clock.now + takes, partial(self._done, then))

    def _done(self, then: Callable[[bool], None]) -> None:
        self._free += 1
        then(True)
        self._next()


class Clock:
    """What happens, in order."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0

    def at(self, moment: float, what: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._due, (moment, self._number, what))

    def run(self) -> None:
        while self._due:
            self.now, _, what = heapq.heappop(self._due)
            what()


class Shop:
    """The sale as it goes, and what is told of it."""

    def __init__(self, sale: Sale) -> None:
        self.sale, self.chance, self.clock = sale, random.Random(sale.seed), Clock()
        self.web, self.row = Station(self.clock, sale.vcpus), Station(self.clock, 1)
        self.held = self.told_sold_out = self.gave_up = self.saw_sold_out = 0
        self.sold_out_at: float | None = None

    def run(self) -> Shop:
        """Visitors that only look never reach the shop: they are in none of these figures."""
        for _ in range(int(self.sale.visitors * self.sale.wanting)):
            self.clock.at(self._arrival(), lambda: self._tries(0, 1))
        self.clock.run()
        return self

    def _arrival(self) -> float:
        if self.chance.random() < self.sale.first:
            return self.chance.uniform(0, 60)
        return self.chance.uniform(60, self.sale.seconds)

    def _tries(self, step: int, attempt: int) -> None:
        if self.sold_out_at is not None and self.clock.now > self.sold_out_at + SEEN_AFTER and step == 0:
            self.saw_sold_out += 1
            return
        name = STEPS[step]
        takes = self.sale.step[name] * self.chance.uniform(0.7, 1.3)
        self.web.ask(takes, lambda served: self._answered(served, step, attempt))

    def _answered(self, served: bool, step: int, attempt: int) -> None:
        if not served:
            self._again(step, attempt)
        elif STEPS[step] == "place":
            self._places(attempt)
        else:
            # Ten seconds to two minutes to read and to fill in the form.
            pause = self.chance.uniform(1, 5) if step == 0 else self.chance.uniform(10, 120)
            self.clock.at(self.clock.now + pause, lambda: self._tries(step + 1, 1))

    def _places(self, attempt: int) -> None:
        # What is gone is seen without a lock (checkout.place), so only who may get a unit waits for the row.
        if self.held >= self.sale.units:
            self.told_sold_out += 1
            return
        self.row.ask(self.sale.row, lambda served: self._holds(served, attempt))

    def _holds(self, served: bool, attempt: int) -> None:
        if not served:
            self._again(STEPS.index("place"), attempt)
        elif self.held < self.sale.units:
            self.held += 1
            if self.held == self.sale.units:
                self.sold_out_at = self.clock.now
        else:
            self.told_sold_out += 1

    def _again(self, step: int, attempt: int) -> None:
        if attempt == TRIES:
            self.gave_up += 1
        else:
            pause = self.chance.uniform(0.5, 1.5) * 5  # Retry-After
            self.clock.at(self.clock.now + pause, lambda: self._tries(step, attempt + 1))


def sale(vcpus: int, row_ms: float, visitors: int = Sale.visitors, units: int = Sale.units) -> Sale:
    one = measured()
    step = {name: one[f"{name}_ms"] / 1000 for name in STEPS}
    return Sale(visitors=visitors, units=units, vcpus=vcpus, step=step, row=row_ms / 1000)


def _slowest(waits: list[float], part: float) -> float:
    return sorted(waits)[int(len(waits) * part)] if waits else 0.0


def row(shop: Shop) -> str:
    gone = f"{shop.sold_out_at:.0f} s" if shop.sold_out_at is not None else "never"
    return (
        f"| {shop.sale.vcpus} | {shop.sale.row * 1000:.1f} ms | {shop.held:,} | {gone} |"
        f" {_slowest(shop.web.waits, 0.99):.2f} s | {_slowest(shop.row.waits, 0.99):.2f} s |"
        f" {shop.web.turned_away + shop.row.turned_away:,} | {shop.gave_up:,} |"
    )


def table() -> str:
    """In Markdown: as the shop is built, with more processes, and with the row let go after one statement."""
    built, quick = locked_ms(measured()), ROUND_TRIP_MS + COMMIT_MS
    return "\n".join(
        [
            "| web vCPUs | row taken for | held | gone after | 99 of 100 wait for a CPU | for the row |"
            " 503 | gave up |",
            "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
            *(row(Shop(sale(*one)).run()) for one in ((64, built), (256, built), (256, quick))),
        ]
    )


if __name__ == "__main__":
    print(table())
