"""A warehouse and its carrier: books what the shop has prepared, moves the house's own parcels along, and
reports each step to the shop's webhook.

``python -m standins.carrier --webhook-url URL --data DIR`` with ``STOREFRONT_DATABASE_URL``,
``STOREFRONT_CARRIER_WEBHOOK_SECRET`` and ``STOREFRONT_CARRIER_STEP_SECONDS`` in its environment. A real
warehouse is told what to pack; this one looks into the shop's orders. Parcels of other carriers, which an
operator books, are theirs to move.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import requests
from standardwebhooks import Webhook

from storefront.config import Settings

TAKEN = range(200, 300)
CONFLICT = 409


@dataclass(frozen=True)
class Step:
    status: str
    place: str
    message: str


STEPS = (
    Step("in_transit", "Harbour Road depot", "Collected from the shop"),
    Step("in_transit", "Regional sorting centre", "Arrived at the sorting centre"),
    Step("out_for_delivery", "Delivery depot, {city}", "Out for delivery"),
    Step("delivered", "{city}", "Delivered"),
)
FIRST_AFTER = {"preparing": 0, "in_transit": 1, "out_for_delivery": 3}
"""The step that may follow each status at the earliest; after other statuses there is nothing to do."""

OPEN_PARCELS = """
SELECT p.tracking_code, p.status, p.at, o.address FROM parcels p JOIN orders o USING (order_id)
 WHERE p.carrier = %(carrier)s AND p.status IN ('preparing', 'in_transit', 'out_for_delivery')
"""
# What was returned or lost waits for a person, so its units count as packed.
UNPACKED = """
SELECT o.number, packed.parcels, greatest(packed.latest, (o.delivery ->> 'timestamp')::timestamptz)
  FROM orders o
  JOIN LATERAL (SELECT count(*) AS parcels, max(created_at) AS latest
                  FROM parcels p WHERE p.order_id = o.order_id) packed ON true
 WHERE o.status IN ('preparing', 'shipped') AND o.delivery IS NOT NULL AND EXISTS (
    SELECT FROM cart_items i WHERE i.cart_id = o.cart_id AND i.qty > (
        SELECT coalesce(sum(l.qty), 0) FROM parcel_lines l JOIN parcels p USING (parcel_id)
         WHERE p.order_id = o.order_id AND p.status <> 'cancelled' AND l.sku = i.sku))
"""


@dataclass(frozen=True)
class Parcel:
    code: str
    status: str
    since: datetime
    city: str

    @classmethod
    def from_row(cls, code: str, status: str, since: datetime, address: str) -> Parcel:
        return cls(code, status, since, json.loads(address).get("city") or "your town")


@dataclass(frozen=True)
class Booking:
    """A parcel of all that is in none. Its code follows from the order, so that a repeat books the same."""

    number: str
    parcels: int
    since: datetime

    @property
    def code(self) -> str:
        return "LP" + hashlib.sha256(f"{self.number} {self.parcels}".encode()).hexdigest()[:10].upper()

    @property
    def webhook_id(self) -> str:
        return f"msg_{self.code}"

    def body(self, carrier: str) -> str:
        data = {"order_number": self.number, "carrier": carrier, "tracking_code": self.code}
        return json.dumps({"type": "parcel.booked", "data": data})


@dataclass(frozen=True)
class Report:
    """A step as it is told to the shop. A repeat is the same in every byte, its id above all."""

    code: str
    step: int
    at: datetime
    city: str

    @property
    def webhook_id(self) -> str:
        return "msg_" + hashlib.sha256(f"{self.code} {self.step}".encode()).hexdigest()[:24]

    def body(self, carrier: str) -> str:
        step = STEPS[self.step]
        data = {
            "carrier": carrier,
            "tracking_code": self.code,
            "status": step.status,
            "timestamp": self.at.isoformat(),
            "place": step.place.format(city=self.city),
            "message": step.message,
        }
        return json.dumps({"type": "tracking.updated", "data": data})


class Rounds:
    """What was reported: per tracking code the steps done and when the latest of them was.

    Losing it costs nothing but a step told twice, which the shop knows by its id.
    """

    def __init__(self, path: Path, step: timedelta) -> None:
        self._path = path
        self.step = step
        self._done: dict[str, tuple[int, datetime]] = {}
        if path.exists():
            for code, (steps, at) in json.loads(path.read_text()).items():
                self._done[code] = steps, datetime.fromisoformat(at)

    def due(self, parcel: Parcel, now: datetime) -> Report | None:
        if parcel.status not in FIRST_AFTER:
            return None
        done, last = self._done.get(parcel.code, (0, parcel.since))
        step = max(done, FIRST_AFTER[parcel.status])
        # The planned time, not now: a repeat after a refusal must say the same. Where the shop knows of a
        # later step than we do, ours follows on that.
        at = (max(last, parcel.since) if step > done else last) + self.step
        return Report(parcel.code, step, at, parcel.city) if step < len(STEPS) and at <= now else None

    def reported(self, report: Report) -> None:
        self._done[report.code] = report.step + 1, report.at

    def save(self, open_codes: Iterable[str]) -> None:
        """Forgets the parcels that are no longer open."""
        present = set(open_codes)
        self._done = {code: done for code, done in self._done.items() if code in present}
        new = self._path.with_suffix(".new")
        plain = {code: (steps, at.isoformat()) for code, (steps, at) in self._done.items()}
        new.write_text(json.dumps(plain))
        new.replace(self._path)


class Carrier:
    def __init__(self, name: str, database_url: str, webhook_url: str, secret: str, rounds: Rounds) -> None:
        self._name = name
        self._database_url = database_url
        self._webhook_url = webhook_url
        self._signer = Webhook(secret)
        self._rounds = rounds
        self._http = requests.Session()
        self._http.trust_env = False  # the shop is on this machine, whatever proxy the environment names
        self._refused: set[str] = set()
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def round(self, now: datetime) -> None:
        """One step at most for each order and parcel. What the shop doesn't take is told again in the next
        round."""
        for booking in (Booking(*row) for row in self._rows(UNPACKED)):
            due = booking.since + self._rounds.step <= now and booking.code not in self._refused
            # Nothing may be left to send after all, where some of it was refunded.
            if due and self._post(booking, now) == CONFLICT:
                self._refused.add(booking.code)
        parcels = [Parcel.from_row(*row) for row in self._rows(OPEN_PARCELS)]
        moved = False
        for parcel in parcels:
            report = self._rounds.due(parcel, now)
            if report is not None and self._post(report, now) in TAKEN:
                self._rounds.reported(report)
                moved = True
        if moved:
            self._rounds.save(parcel.code for parcel in parcels)

    def _rows(self, query: LiteralString) -> list[tuple[Any, ...]]:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.connect(self._database_url, autocommit=True, connect_timeout=5)
            return self._connection.execute(query, {"carrier": self._name}).fetchall()
        except psycopg.Error as error:
            _say(f"can't read the orders: {error.__class__.__name__}")
            if self._connection is not None:
                self._connection.close()
            return []

    def _post(self, report: Report | Booking, now: datetime) -> int:
        """The status of the shop's answer, 0 if there is none."""
        body = report.body(self._name)
        headers: Mapping[str, str] = {
            "content-type": "application/json",
            "webhook-id": report.webhook_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(report.webhook_id, now, body),
        }
        try:
            answer = self._http.post(self._webhook_url, data=body.encode(), headers=headers, timeout=(2, 5))
        except requests.RequestException as error:
            _say(f"the shop can't be reached: {error.__class__.__name__}")
            return 0
        if not answer.ok:
            _say(f"the shop answered {answer.status_code} to {report.webhook_id}")
        return answer.status_code


def _say(line: str) -> None:
    print(f"carrier: {line}", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="standins.carrier")
    parser.add_argument("--webhook-url", required=True)
    parser.add_argument("--data", type=Path, default=Path(".storefront"))
    arguments = parser.parse_args()
    os.umask(0o077)
    settings = Settings()
    step = timedelta(seconds=settings.carrier_step_seconds)
    arguments.data.mkdir(parents=True, exist_ok=True)
    carrier = Carrier(
        name=settings.house.words.carrier,
        database_url=settings.libpq_url,
        webhook_url=arguments.webhook_url,
        secret=settings.carrier_webhook_secret.get_secret_value(),
        rounds=Rounds(arguments.data / "carrier.json", step),
    )
    print("ready", flush=True)
    pause = min(1.0, step.total_seconds() / 2)
    while True:
        carrier.round(datetime.now(UTC))
        time.sleep(pause)


if __name__ == "__main__":
    sys.exit(main())
