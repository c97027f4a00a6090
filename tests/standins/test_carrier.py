"""The carrier: every parcel one step at a time, told again and the same until the shop takes it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest
from standardwebhooks import Webhook

from storefront.standins.carrier import STEPS, Carrier, Rounds
from storefront.standins.postgres import Postgres

pytestmark = pytest.mark.alone

SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSB0ZXN0cyBvZiB0aGUgY2Fycmllcg=="
STEP = timedelta(seconds=10)
START = datetime.now(UTC) - timedelta(seconds=60)


class Shop:
    """Takes events, or doesn't, and moves its order as the shop would."""

    def __init__(self, database_url: str) -> None:
        self.database = psycopg.connect(database_url, autocommit=True)
        self.status = 204
        self.events: list[dict[str, Any]] = []
        self.ids: list[str] = []
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                shop.events.append(Webhook(SECRET).verify(body, dict(self.headers)))
                shop.ids.append(self.headers["webhook-id"])
                if shop.status == 204:
                    shop.take(shop.events[-1]["data"])
                self.send_response(shop.status)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhooks/carrier"

    def take(self, data: dict[str, Any]) -> None:
        status = "delivered" if data["status"] == "delivered" else "shipped"
        delivery = {key: data[key] for key in ("status", "timestamp", "tracking_code")}
        self.database.execute("UPDATE orders SET status = %s, delivery = %s", (status, json.dumps(delivery)))

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.database.close()


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    server = Postgres(tmp_path_factory.mktemp("postgres"), durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def shop(postgres: Postgres) -> Iterator[Shop]:
    """One parcel, ready to be collected since START."""
    url = postgres.url("storefront")
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE IF EXISTS orders")
        connection.execute("CREATE TABLE orders (status text, delivery jsonb, address text)")
        ready = {"status": "preparing", "timestamp": START.isoformat(), "tracking_code": "LF1"}
        connection.execute(
            """
            INSERT INTO orders VALUES ('preparing', %s, %s), ('paid', NULL, '{}'), ('preparing', NULL, '{}')
            """,
            (json.dumps(ready), json.dumps({"city": "Bergen"})),
        )
    started = Shop(url)
    yield started
    started.stop()


def carrier(shop: Shop, postgres: Postgres, folder: Path) -> Carrier:
    return Carrier(postgres.url("storefront"), shop.url, SECRET, Rounds(folder / "carrier.json", STEP))


def now_plus(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_a_parcel_takes_every_step_in_its_time(shop: Shop, postgres: Postgres, tmp_path: Path) -> None:
    moving = carrier(shop, postgres, tmp_path)
    told = []
    for seconds in (5, 11, 12, 21, 31, 39, 41, 60):
        moving.round(now_plus(seconds))
        told.append(len(shop.events))
    assert told == [0, 1, 1, 2, 3, 3, 4, 4]
    assert [event["data"]["status"] for event in shop.events] == [step.status for step in STEPS]
    assert {event["type"] for event in shop.events} == {"tracking.updated"}
    assert shop.events[-1]["data"]["place"] == "Bergen"
    assert len(set(shop.ids)) == 4


def test_what_the_shop_refuses_is_told_again_the_same(shop: Shop, postgres: Postgres, tmp_path: Path) -> None:
    moving = carrier(shop, postgres, tmp_path)
    shop.status = 503
    moving.round(now_plus(11))
    moving.round(now_plus(13))
    shop.status = 204
    carrier(shop, postgres, tmp_path).round(now_plus(15))
    assert shop.events[0] == shop.events[1] == shop.events[2]
    assert len(set(shop.ids)) == 1


def test_a_new_start_goes_on_where_it_was(shop: Shop, postgres: Postgres, tmp_path: Path) -> None:
    carrier(shop, postgres, tmp_path).round(now_plus(11))
    for seconds in (12, 21):
        carrier(shop, postgres, tmp_path).round(now_plus(seconds))
    assert [event["data"]["message"] for event in shop.events] == [step.message for step in STEPS[:2]]


def test_an_operator_who_is_ahead_is_followed_not_contradicted(
    shop: Shop, postgres: Postgres, tmp_path: Path
) -> None:
    shop.take({"status": "out_for_delivery", "timestamp": now_plus(8).isoformat(), "tracking_code": "LF1"})
    moving = carrier(shop, postgres, tmp_path)
    moving.round(now_plus(11))
    assert not shop.events
    moving.round(now_plus(19))
    assert [event["data"]["status"] for event in shop.events] == ["delivered"]


@pytest.mark.parametrize("status", ["exception", "returned", "cancelled", "delivered"])
def test_a_parcel_that_stands_still_is_left_alone(
    shop: Shop, postgres: Postgres, tmp_path: Path, status: str
) -> None:
    delivery = {"status": status, "timestamp": START.isoformat(), "tracking_code": "LF1"}
    shop.database.execute("UPDATE orders SET status = 'shipped', delivery = %s", (json.dumps(delivery),))
    carrier(shop, postgres, tmp_path).round(now_plus(50))
    assert not shop.events


def test_it_waits_for_a_database_that_is_away(tmp_path: Path) -> None:
    nowhere = Carrier(
        f"postgresql:///x?host={tmp_path}", "http://127.0.0.1:9", SECRET, Rounds(tmp_path / "c.json", STEP)
    )
    nowhere.round(now_plus(11))
