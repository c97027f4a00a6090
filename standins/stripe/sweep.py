"""What happens by itself as time passes: Sessions expire, refunds settle, old keys are forgotten."""

from __future__ import annotations

import logging
import threading

from . import refunds, sessions
from .store import Store

PERIOD = 0.5
KEYS_KEPT = 24 * 3600

log = logging.getLogger(__name__)


def run(store: Store) -> None:
    """Do all that is due. Called by a thread and before every answer, so no answer is late."""
    with store.transaction() as tx:
        for doc in tx.due():
            if doc["object"] == "checkout.session":
                sessions.expire(tx, doc)
            else:
                refunds.settle(tx, doc)
        tx.sql("DELETE FROM idempotency WHERE created < ?", store.now() - KEYS_KEPT)


class Sweeper(threading.Thread):
    def __init__(self, store: Store) -> None:
        super().__init__(name="sweep", daemon=True)
        self.store = store
        self._never = threading.Event()

    def run(self) -> None:
        while not self._never.wait(PERIOD):
            try:
                run(self.store)
            except Exception:
                log.exception("sweep")
