"""Orders faults of the Stripe stand-in, and looks at what it holds."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

KEY = "sk_test_of_the_tests"
SECRET = "whsec_of_the_tests"


def _ask(method: str, url: str, **more: Any) -> Any:
    with requests.Session() as session:
        session.trust_env = False
        answer = session.request(method, url, timeout=10, **more)
    assert answer.ok, answer.text
    return answer.json() if answer.content else None


@contextmanager
def fault(stripe: str, match: str, action: str, times: int = 1) -> Iterator[None]:
    """While it lasts, the next ``times`` calls like ``POST /v1/refunds`` meet ``action``."""
    _ask("POST", f"{stripe}/_standin/faults", json={"match": match, "action": action, "times": times})
    try:
        yield
    finally:
        _ask("DELETE", f"{stripe}/_standin/faults")


@contextmanager
def unavailable(stripe: str) -> Iterator[None]:
    """Stripe's API cuts every connection before it has done anything."""
    with fault(stripe, "* /v1/*", "drop_before", 100_000):
        yield


def api(stripe: str, method: str, path: str, **data: Any) -> Any:
    """A call of Stripe's API as an operator makes it from the dashboard."""
    return _ask(
        method,
        f"{stripe}/v1/{path}",
        **({"params": data} if method == "GET" else {"data": data}),
        headers={"Authorization": f"Bearer {KEY}"},
    )


def advance(stripe: str, seconds: float) -> None:
    """Move Stripe's clock; refunds settle and pages end by it."""
    _ask("POST", f"{stripe}/_standin/clock", json={"advance": seconds})


def sessions_of(stripe: str, order_id: object) -> list[dict[str, Any]]:
    """The Checkout Sessions made for an order."""
    listed = api(stripe, "GET", "checkout/sessions", limit="100")["data"]
    return [one for one in listed if one["metadata"].get("order_id") == str(order_id)]


def refunds_of(stripe: str, intent: str) -> list[dict[str, Any]]:
    """What Stripe gives back of a PaymentIntent, done or under way."""
    return list(api(stripe, "GET", "refunds", payment_intent=intent, limit="100")["data"])


def all_events(stripe: str) -> list[dict[str, Any]]:
    """Every event Stripe would send, oldest first."""
    return [row["event"] for row in _ask("GET", f"{stripe}/_standin/events")]


def events_of(stripe: str, order_id: object, kind: str = "") -> list[dict[str, Any]]:
    """The events Stripe would send about an order's payment objects, oldest first."""
    return [
        event
        for event in all_events(stripe)
        if (event["data"]["object"].get("metadata") or {}).get("order_id") == str(order_id)
        and (not kind or event["type"] == kind)
    ]


def signed(event: dict[str, Any] | bytes, *, at: float | None = None, secret: str = SECRET) -> dict[str, Any]:
    """``data`` and ``headers`` of the post that brings an event."""
    body = event if isinstance(event, bytes) else json.dumps(event).encode()
    stamp = int(time.time() if at is None else at)
    digest = hmac.new(secret.encode(), b"%d." % stamp + body, hashlib.sha256).hexdigest()
    return {"data": body, "headers": {"Stripe-Signature": f"t={stamp},v1={digest}"}}
