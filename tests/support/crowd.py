"""Shoppers who read and buy at an address until they are told to stop, and when they had success."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from uuid import UUID

import requests

from tests.support.visitor import Refusal, Visitor

BETWEEN = (0.5, 2.5)
"""Seconds that a shopper takes to think, least and most."""


@dataclass
class Successes:
    """Moments of one kind of success, by the monotonic clock."""

    at: list[float] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)
    """What came instead of an answer, by status or by the error's name."""

    def longest_gap(self, since: float, until: float) -> float:
        """Seconds in which nobody succeeded."""
        inside = [since, *sorted(moment for moment in self.at if since < moment < until), until]
        return max(after - before for before, after in pairwise(inside))


class Crowd:
    """``free`` products are bought for nothing, ``priced`` ones paid at Stripe; ``rare`` is free and few."""

    def __init__(
        self, address: str, free: Sequence[str], priced: Sequence[str], rare: str, size: int
    ) -> None:
        self._address, self._free, self._priced, self._rare = address, free, priced, rare
        self.reading, self.buying = Successes(), Successes()
        self.acknowledged: list[UUID] = []
        self.paid: list[UUID] = []
        self.bugs: list[Exception] = []
        self._ended = threading.Event()
        work = [self._reads] + [self._shops] * size
        self._threads = [threading.Thread(target=one, daemon=True) for one in work]
        for thread in self._threads:
            thread.start()

    def leave(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join(60)

    def _reads(self) -> None:
        """One who does nothing but look, twenty times a second and each time at another page."""
        while not self._ended.wait(0.05):
            page = f"/products/{random.choice(self._free)}"
            try:
                answer = Visitor(self._address).get(page)
            except requests.RequestException as failure:
                self.reading.failed[type(failure).__name__] += 1
                continue
            if answer.status_code == 200:
                self.reading.at.append(time.monotonic())
            else:
                self.reading.failed[str(answer.status_code)] += 1

    def _shops(self) -> None:
        while not self._ended.wait(random.uniform(*BETWEEN)):
            kind = random.choices((self._free, self._priced, [self._rare]), (0.7, 0.15, 0.15))[0]
            visitor = Visitor(self._address)
            try:
                visitor.add(random.choice(kind))
                order_id = visitor.place()
            except Refusal as refused:
                # A 409 says that it is sold out, which is an answer.
                self.buying.failed[str(refused.args[0])] += refused.args[0] != 409
                continue
            except requests.RequestException as failure:
                self.buying.failed[type(failure).__name__] += 1
                continue
            except Exception as bug:
                self.bugs.append(bug)
                continue
            self.acknowledged.append(order_id)
            self.buying.at.append(time.monotonic())
            if kind is self._priced:
                self._pays(visitor, order_id)

    def _pays(self, visitor: Visitor, order_id: UUID) -> None:
        try:
            visitor.pay()
        except (Refusal, requests.RequestException):
            return
        self.paid.append(order_id)
