"""Idempotency keys (https://docs.stripe.com/api/idempotent_requests): the first answer is the answer."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .errors import ApiError, bad_param
from .store import Store, Tx

LONGEST_KEY = 255


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]
    request: str
    replayed: bool = False


class Keys:
    def __init__(self, account: str) -> None:
        self._account = hashlib.sha256(account.encode()).hexdigest()
        self._lock = threading.Lock()
        self._in_flight: set[str] = set()

    @contextmanager
    def claimed(self, key: str) -> Iterator[None]:
        """Hold the key while its request runs. In memory: a request doesn't outlive the process."""
        if len(key) > LONGEST_KEY:
            raise bad_param(f"Idempotency keys can be at most {LONGEST_KEY} characters long.")
        with self._lock:
            if key in self._in_flight:
                raise ApiError(
                    409,
                    "There is currently another in-progress request using this Idempotent Key (that probably "
                    f"means you submitted twice, and the other request is still going through): {key}. "
                    "Please try again later.",
                    code="idempotency_key_in_use",
                    saved=False,
                )
            self._in_flight.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._in_flight.discard(key)

    def stored(self, store: Store, key: str, route: str, fingerprint: str) -> Answer | None:
        """The answer given before; raises ApiError (idempotency_error) if the request was another."""
        with store.transaction() as tx:
            rows = tx.sql(
                "SELECT route, fingerprint, base, status, body, request FROM idempotency"
                " WHERE account = ? AND key = ?",
                self._account,
                key,
            )
        if not rows:
            return None
        first_route, first_print, base, status, body, request = rows[0]
        if (first_route, first_print) != (route, fingerprint):
            same = "endpoint" if first_route != route else "parameters"
            more = f" ('{first_route}' vs '{route}')" if first_route != route else ""
            raise ApiError(
                400,
                f"Keys for idempotent requests can only be used with the same {same} they were first used "
                f"with{more}. Try using a key other than '{key}' if you meant to execute a different "
                "request.",
                type="idempotency_error",
                saved=False,
            )
        # The port may have changed since; the addresses in an answer must lead somewhere.
        return Answer(status, json.loads(body.replace(f"{base}/", f"{store.base}/")), request, replayed=True)

    def save(self, tx: Tx, key: str, route: str, fingerprint: str, answer: Answer) -> None:
        tx.sql(
            "INSERT INTO idempotency (account, key, route, fingerprint, base, status, body, request, created)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            self._account,
            key,
            route,
            fingerprint,
            tx.base,
            answer.status,
            json.dumps(answer.body),
            answer.request,
            tx.store.now(),
        )
