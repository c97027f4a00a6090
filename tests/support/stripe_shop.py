"""A stand-in for Stripe as a process of its own, and what a shop does with it, in few words."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import requests
import stripe

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk_test_standin"
WEBHOOK_SECRET = "whsec_standin"
PATIENCE = 10.0

VISA = "4242424242424242"
MASTERCARD = "5555555555554444"
DECLINED = "4000000000000002"
ASKS_ONCE = "4000002500003155"
ASKS_ALWAYS = "4000002760003184"

SUCCESS = "http://127.0.0.1:8000/orders/1/return?session={CHECKOUT_SESSION_ID}"
CANCEL = "http://127.0.0.1:8000/orders/1"


def eventually(check: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """The first truthy result of ``check``; fails when there is none in time."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if found := check():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


class Receiver:
    """The shop's webhook, in a thread. Keeps what passes the library's own check of the signature."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.refuse = 0
        self.refused: list[str] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                payload = self.rfile.read(int(self.headers["Content-Length"]))
                event = stripe.Webhook.construct_event(
                    payload, self.headers["Stripe-Signature"], WEBHOOK_SECRET
                )
                status = 200
                if receiver.refuse > 0:
                    receiver.refuse -= 1
                    receiver.refused.append(event.id)
                    status = 503
                else:
                    receiver.events.append(event)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks/stripe"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def about(self, id: str) -> list[str]:
        """Types of the events that tell of an object, in the order in which they came."""
        return [event.type for event in self.events if event.data.object.id == id]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Standin:
    """``python -m standins.stripe`` on a free port."""

    def __init__(self, data: Path, webhook_url: str) -> None:
        self.data = data
        self.webhook_url = webhook_url
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "standins.stripe", "--port", "0"),
                *("--data", str(self.data), "--webhook-url", self.webhook_url),
            ],
            cwd=ROOT,
            env={**os.environ, "STANDIN_STRIPE_KEY": KEY, "STANDIN_STRIPE_WEBHOOK_SECRET": WEBHOOK_SECRET},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        word, _, self.base = self.process.stdout.readline().strip().partition(" ")
        assert word == "ready"
        self.client = self.library(retries=0)

    def library(self, key: str = KEY, retries: int = 0) -> stripe.StripeClient:
        return stripe.StripeClient(
            key,
            base_addresses={"api": self.base},
            http_client=stripe.RequestsClient(timeout=(1, 2)),
            max_network_retries=retries,
        )

    @property
    def v1(self) -> Any:
        return self.client.v1

    def control(self, path: str, **asked: Any) -> Any:
        answer = requests.post(f"{self.base}/_standin/{path}", json=asked, timeout=5)
        answer.raise_for_status()
        return answer.json()

    def fault(self, match: str, action: str, times: int = 1) -> None:
        self.control("faults", match=match, action=action, times=times)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(5)
        finally:
            self.kill()


def session_params(**more: Any) -> dict[str, Any]:
    teapot = {"name": "Teapot", "description": "Blue & white"}
    return {
        "mode": "payment",
        "allowed_payment_method_types": ["card"],
        "line_items": [
            {"price_data": {"currency": "usd", "unit_amount": 2105, "product_data": teapot}, "quantity": 2}
        ],
        "success_url": SUCCESS,
        "cancel_url": CANCEL,
        "metadata": {"order_id": "order-1"},
        "payment_intent_data": {"metadata": {"order_id": "order-1"}},
        **more,
    }


def setup_params(customer: str) -> dict[str, Any]:
    return {
        "mode": "setup",
        "allowed_payment_method_types": ["card"],
        "customer": customer,
        "success_url": SUCCESS,
        "cancel_url": CANCEL,
    }


def fill(card: str, **more: str) -> dict[str, str]:
    entries = {"email": "ada@example.com", "number": card, "exp": "12 / 34", "cvc": "123", "name": "Ada"}
    return {**entries, **more}


def submit(url: str, form: dict[str, str]) -> requests.Response:
    return requests.post(url, data=form, allow_redirects=False, timeout=5)


def answer_challenge(url: str, outcome: str) -> requests.Response:
    return submit(url, {"outcome": outcome})
