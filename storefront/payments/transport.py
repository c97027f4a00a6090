"""How requests go to Stripe: through one breaker, and within the time of the request that makes them."""

from __future__ import annotations

from typing import Any

import requests

from storefront import tracing
from storefront.payments.pace import Pace
from storefront.resilience import budget
from storefront.resilience.breaker import PATIENCE, Breaker

LEAST = 0.1
"""Seconds below which no answer can be hoped for."""


class NotAsked(requests.RequestException):
    """Stripe's library repeats time-outs and lost connections, but nothing that it has no name for."""


class Transport(requests.Session):
    """The session of Stripe's library: all its calls, their repetitions included, pass here."""

    def __init__(self, address: str, key: str) -> None:
        """``address`` is that of Stripe's API."""
        super().__init__()
        self._question = f"{address}/v1/payment_intents/pi_0"
        self._key = key
        self.pace: Pace | None = None
        """Whose turn a call waits for before it is made; nobody's where a shopper waits."""
        tracing.trace_stripe(self)
        self.breaker = Breaker("stripe", NotAsked, _is_fault, probe=self.probe)

    def request(self, method: Any, url: Any, **options: Any) -> requests.Response:  # type: ignore[override]  # as Stripe's library calls it
        if self.pace is not None:
            self.pace.wait()
        connect, read = options["timeout"]
        remaining = budget.left()
        if remaining is not None:
            if remaining < LEAST:
                raise NotAsked
            connect = min(connect, remaining / 3)
            read = min(read, remaining - connect)
        with self.breaker.call(patience=max(PATIENCE, read)):
            return super().request(method, url, **options | {"timeout": (connect, read)})

    def probe(self) -> None:
        """Ask for what isn't there, past the breaker: that there is no such thing is an answer.

        Raises:
            requests.RequestException: Stripe does not answer.
        """
        headers = {"Authorization": f"Bearer {self._key}"}
        answer = requests.get(self._question, headers=headers, timeout=(1, 2))
        if answer.status_code >= 500:
            answer.raise_for_status()


def _is_fault(error: BaseException) -> bool:
    return isinstance(error, requests.RequestException)
