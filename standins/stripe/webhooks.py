"""Events: recorded with the change they tell of, signed, and sent until the shop says 2xx."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import threading
import time

import requests

from .render import public
from .store import Doc, Store, Tx, new_id

API_VERSION = "2026-10-28.endive"
TIMEOUT = 5.0
LONGEST_PAUSE = 60.0
GIVE_UP_AFTER = 3 * 24 * 3600.0

log = logging.getLogger(__name__)


def emit(tx: Tx, type: str, doc: Doc) -> None:
    """Record an event and queue it, in the transaction of its change."""
    event = {
        "id": new_id("evt_1"),
        "object": "event",
        "api_version": API_VERSION,
        "created": tx.now(),
        "data": {"object": public(doc, tx.base)},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": type,
    }
    tx.put(event)
    tx.sql("INSERT INTO deliveries (event, created) VALUES (?, ?)", event["id"], time.time())
    tx.emitted = True


def signature(payload: bytes, secret: str, timestamp: int) -> str:
    """The header Stripe-Signature, as https://docs.stripe.com/webhooks#verify-manually tells."""
    signed = hmac.new(secret.encode(), b"%d." % timestamp + payload, hashlib.sha256)
    return f"t={timestamp},v1={signed.hexdigest()}"


class Deliverer(threading.Thread):
    """First attempts go in the order of creation; one that failed waits without holding up the others."""

    def __init__(self, store: Store, url: str, secret: str) -> None:
        super().__init__(name="webhooks", daemon=True)
        self.store = store
        self.url = url
        self.secret = secret
        self.paused = False
        self._wake = threading.Event()
        store.on_event = self._wake.set

    def wake(self) -> None:
        self._wake.set()

    def run(self) -> None:
        while True:
            self._wake.clear()
            try:
                pause = self.step()
            except Exception:
                log.exception("webhook delivery")
                pause = 1.0
            if pause > 0:
                self._wake.wait(pause)

    def step(self) -> float:
        """Send what is due first. Seconds until there may be something to do again."""
        if self.paused or not self.url:
            return LONGEST_PAUSE
        with self.store.transaction() as tx:
            rows = tx.sql(
                "SELECT seq, event, created, attempts FROM deliveries"
                " WHERE state = 'waiting' AND next_at <= ? ORDER BY seq LIMIT 1",
                time.time(),
            )
            if not rows:
                (soonest,) = tx.sql("SELECT min(next_at) FROM deliveries WHERE state = 'waiting'")[0]
                return (
                    LONGEST_PAUSE if soonest is None else min(max(soonest - time.time(), 0.01), LONGEST_PAUSE)
                )
            seq, event_id, created, attempts = rows[0]
            event = tx.get(event_id)
        delivered = event is None or self._post(event)
        with self.store.transaction() as tx:
            if delivered:
                tx.sql("UPDATE deliveries SET state = 'delivered' WHERE seq = ?", seq)
                if event is not None:
                    tx.put({**event, "pending_webhooks": 0})
            else:
                state = "given up" if time.time() - created > GIVE_UP_AFTER else "waiting"
                tx.sql(
                    "UPDATE deliveries SET attempts = attempts + 1, next_at = ?, state = ? WHERE seq = ?",
                    time.time() + min(2.0 ** min(attempts, 10), LONGEST_PAUSE),
                    state,
                    seq,
                )
        return 0.0

    def _post(self, event: Doc) -> bool:
        payload = json.dumps(event, indent=2).encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": signature(payload, self.secret, int(time.time())),
        }
        try:
            with requests.Session() as session:
                session.trust_env = False  # a proxy set for the machine must not see local events
                answer = session.post(
                    self.url,
                    data=payload,
                    headers=headers,
                    timeout=TIMEOUT,
                    allow_redirects=False,
                    stream=True,
                )
                return 200 <= answer.status_code < 300
        except requests.RequestException:
            return False
