"""Counters that all processes share: tries within a window of time."""

from __future__ import annotations

import time

from storefront.repositories.dynamodb import keys
from storefront.repositories.dynamodb.client import DynamoDB
from storefront.repositories.dynamodb.table import (
    Condition,
    ConditionFailed,
    Delete,
    Item,
    Put,
    Table,
    Update,
)

EXPIRES = {"#expires": "expires"}


class Counters:
    """Each window begins with its first try. DynamoDB removes items past their ``expires`` some time
    after, so until then every use looks at it itself."""

    def __init__(self, dynamodb: DynamoDB) -> None:
        self._table = Table(dynamodb, dynamodb.users)

    def hit(self, name: str, seconds: int, amount: int = 1) -> int:
        """Count, and tell how many there are in the window that is ``seconds`` long.

        Raises:
            StoreUnavailable: DynamoDB is unavailable.
        """
        for _ in range(3):
            counted = self._add(name, seconds, amount) or self._begin(name, seconds, amount)
            if counted is not None:
                return counted
        return amount

    def _add(self, name: str, seconds: int, amount: int) -> int | None:
        """Into the window that is open, or a first one; None when the last one is over."""
        now = int(time.time())
        addition = Update(
            keys.counter(name),
            "SET #expires = if_not_exists(#expires, :expires) ADD hits :amount",
            {":expires": {"N": str(now + seconds)}, ":amount": {"N": str(amount)}},
            when=Condition(
                "attribute_not_exists(#expires) OR #expires > :now", {":now": {"N": str(now)}}, EXPIRES
            ),
        )
        try:
            return int(self._table.write(addition)["hits"]["N"])
        except ConditionFailed:
            return None

    def _begin(self, name: str, seconds: int, amount: int) -> int | None:
        """A new window in place of one that is over; None when somebody else was first."""
        now = int(time.time())
        window: Item = {
            **keys.counter(name),
            "hits": {"N": str(amount)},
            "expires": {"N": str(now + seconds)},
        }
        over = Condition("#expires <= :now", {":now": {"N": str(now)}}, EXPIRES)
        try:
            self._table.write(Put(window, over))
        except ConditionFailed:
            return None
        return amount

    def read(self, name: str) -> tuple[int, int]:
        """How many are counted, and when the window ends (seconds since 1970); zeros without one.

        Raises:
            StoreUnavailable: DynamoDB is unavailable.
        """
        item = self._table.get(keys.counter(name))
        if item is None or int(item["expires"]["N"]) <= time.time():
            return 0, 0
        return int(item["hits"]["N"]), int(item["expires"]["N"])

    def clear(self, name: str) -> None:
        """Forget a counter.

        Raises:
            StoreUnavailable: DynamoDB is unavailable.
        """
        self._table.write(Delete(keys.counter(name)))
