"""A carrier: moves the shop's parcels along and reports each step to its webhook.

``python -m storefront.standins.carrier --webhook-url URL --data DIR`` with ``STOREFRONT_DATABASE_URL``,
``STOREFRONT_CARRIER_WEBHOOK_SECRET`` and ``STOREFRONT_CARRIER_STEP_SECONDS`` in its environment. A real
one is told of parcels by a booking; this one looks them up in the shop's orders.
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
from typing import Any

import psycopg
import requests
from standardwebhooks import Webhook

from storefront.config import Settings


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
SELECT delivery, address FROM orders WHERE status IN ('preparing', 'shipped') AND delivery IS NOT NULL
"""


@dataclass(frozen=True)
class Parcel:
    code: str
    status: str
    since: datetime
    city: str

    @classmethod
    def from_row(cls, delivery: Any, address: Any) -> Parcel:
        delivery, address = _decoded(delivery), _decoded(address)
        since = datetime.fromisoformat(delivery["timestamp"])
        return cls(
            code=delivery["tracking_code"],
            status=delivery["status"],
            since=since if since.tzinfo else since.replace(tzinfo=UTC),
            city=address.get("city") or "your town",
        )


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

    @property
    def body(self) -> str:
        step = STEPS[self.step]
        data = {
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
        self._step = step
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
        at = (max(last, parcel.since) if step > done else last) + self._step
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
    def __init__(self, database_url: str, webhook_url: str, secret: str, rounds: Rounds) -> None:
        self._database_url = database_url
        self._webhook_url = webhook_url
        self._signer = Webhook(secret)
        self._rounds = rounds
        self._http = requests.Session()
        self._http.trust_env = False  # the shop is on this machine, whatever proxy the environment names
        self._connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def round(self, now: datetime) -> None:
        """One step at most for each parcel. What the shop doesn't take is told again in the next round."""
        parcels = self._open_parcels()
        moved = False
        for parcel in parcels:
            report = self._rounds.due(parcel, now)
            if report is not None and self._post(report, now):
                self._rounds.reported(report)
                moved = True
        if moved:
            self._rounds.save(parcel.code for parcel in parcels)

    def _open_parcels(self) -> list[Parcel]:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = psycopg.connect(self._database_url, autocommit=True, connect_timeout=5)
            return [Parcel.from_row(*row) for row in self._connection.execute(OPEN_PARCELS)]
        except psycopg.Error as error:
            _say(f"can't read the orders: {error.__class__.__name__}")
            if self._connection is not None:
                self._connection.close()
            return []

    def _post(self, report: Report, now: datetime) -> bool:
        body = report.body
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
            return False
        if not answer.ok:
            _say(f"the shop answered {answer.status_code} to {report.webhook_id}")
        return answer.ok


def _decoded(value: Any) -> dict[str, Any]:
    """A column as psycopg gives it: jsonb decoded, text not."""
    found = json.loads(value) if isinstance(value, str) else value
    return found if isinstance(found, dict) else {}


def _say(line: str) -> None:
    print(f"carrier: {line}", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="storefront.standins.carrier")
    parser.add_argument("--webhook-url", required=True)
    parser.add_argument("--data", type=Path, default=Path(".storefront"))
    arguments = parser.parse_args()
    os.umask(0o077)
    settings = Settings()
    step = timedelta(seconds=settings.carrier_step_seconds)
    arguments.data.mkdir(parents=True, exist_ok=True)
    carrier = Carrier(
        database_url=settings.database_url.get_secret_value(),
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
