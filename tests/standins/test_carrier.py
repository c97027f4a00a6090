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

from standins.carrier import STEPS, Carrier, Rounds
from standins.postgres import Postgres

CARRIER = "Larkfield Post"

pytestmark = pytest.mark.alone

SECRET = "whsec_" + "c2VjcmV0IG9mIHRoZSB0ZXN0cyBvZiB0aGUgY2Fycmllcg=="
STEP = timedelta(seconds=10)
ORDER = "11111111-1111-4111-8111-111111111111"
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
                    shop.take(shop.events[-1])
                self.send_response(shop.status)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhooks/carrier"

    def take(self, event: dict[str, Any]) -> None:
        data = event["data"]
        if event["type"] == "parcel.booked":
            self.book(data["tracking_code"], data["carrier"])
        else:
            self.move(data["status"], data["timestamp"])

    def book(self, code: str, carrier: str = CARRIER, status: str = "preparing") -> None:
        self.database.execute(
            "INSERT INTO parcels VALUES (gen_random_uuid(), %s, %s, %s, %s, %s, %s)",
            (ORDER, carrier, code, status, START, START),
        )
        self.database.execute("INSERT INTO parcel_lines SELECT parcel_id, 'mug', 1 FROM parcels")

    def move(self, status: str, at: str) -> None:
        self.database.execute("UPDATE parcels SET status = %s, at = %s", (status, at))

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
    """One order, prepared at START and in no parcel."""
    url = postgres.url("storefront")
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE IF EXISTS orders, cart_items, parcels, parcel_lines")
        connection.execute(
            """
            CREATE TABLE orders (order_id uuid, cart_id uuid, number text, status text, delivery jsonb,
                                 address text);
            CREATE TABLE cart_items (cart_id uuid, sku text, qty int);
            CREATE TABLE parcels (parcel_id uuid, order_id uuid, carrier text, tracking_code text,
                                  status text, at timestamptz, created_at timestamptz);
            CREATE TABLE parcel_lines (parcel_id uuid, sku text, qty int);
            """
        )
        connection.execute(
            """
            INSERT INTO orders VALUES
                (%(id)s, %(id)s, 'AAAA-0000', 'preparing', %(delivery)s, %(address)s),
                (gen_random_uuid(), %(id)s, 'BBBB-0000', 'paid', NULL, '{}'),
                (gen_random_uuid(), %(id)s, 'CCCC-0000', 'refunded', %(delivery)s, '{}')
            """,
            {
                "id": ORDER,
                "delivery": json.dumps({"timestamp": START.isoformat()}),
                "address": json.dumps({"city": "Bergen"}),
            },
        )
        connection.execute("INSERT INTO cart_items VALUES (%s, 'mug', 1)", (ORDER,))
    started = Shop(url)
    yield started
    started.stop()


@pytest.fixture
def booked(shop: Shop) -> Shop:
    """Its parcel was booked at START."""
    shop.book("LF1")
    return shop


def carrier(shop: Shop, postgres: Postgres, folder: Path) -> Carrier:
    return Carrier(
        CARRIER, postgres.url("storefront"), shop.url, SECRET, Rounds(folder / "carrier.json", STEP)
    )


def now_plus(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_what_is_in_no_parcel_is_booked_one_step_after_it_was_prepared(
    shop: Shop, postgres: Postgres, tmp_path: Path
) -> None:
    moving = carrier(shop, postgres, tmp_path)
    for seconds in (5, 9):
        moving.round(now_plus(seconds))
    assert not shop.events
    shop.status = 503
    for seconds in (11, 12):
        moving.round(now_plus(seconds))
    shop.status = 204
    moving.round(now_plus(13))
    assert shop.events[0] == shop.events[1] == shop.events[2], "refused, it is told again the same"
    (kind, told) = shop.events[2]["type"], shop.events[2]["data"]
    assert (kind, told["order_number"], told["carrier"]) == ("parcel.booked", "AAAA-0000", CARRIER)
    moving.round(now_plus(14))
    assert [event["type"] for event in shop.events[3:]] == ["tracking.updated"], "the first step is next"


def test_what_the_shop_has_nothing_left_of_is_asked_for_once(
    shop: Shop, postgres: Postgres, tmp_path: Path
) -> None:
    moving = carrier(shop, postgres, tmp_path)
    shop.status = 409
    for seconds in (11, 12, 13):
        moving.round(now_plus(seconds))
    assert len(shop.events) == 1


def test_parcels_of_other_carriers_are_theirs_to_move(shop: Shop, postgres: Postgres, tmp_path: Path) -> None:
    shop.book("JD1", "DHL")
    carrier(shop, postgres, tmp_path).round(now_plus(50))
    assert not shop.events


def test_a_parcel_takes_every_step_in_its_time(booked: Shop, postgres: Postgres, tmp_path: Path) -> None:
    moving = carrier(booked, postgres, tmp_path)
    told = []
    for seconds in (5, 11, 12, 21, 31, 39, 41, 60):
        moving.round(now_plus(seconds))
        told.append(len(booked.events))
    assert told == [0, 1, 1, 2, 3, 3, 4, 4]
    assert [event["data"]["status"] for event in booked.events] == [step.status for step in STEPS]
    assert {event["type"] for event in booked.events} == {"tracking.updated"}
    assert {event["data"]["carrier"] for event in booked.events} == {CARRIER}
    assert booked.events[-1]["data"]["place"] == "Bergen"
    assert len(set(booked.ids)) == 4


def test_what_the_shop_refuses_is_told_again_the_same(
    booked: Shop, postgres: Postgres, tmp_path: Path
) -> None:
    moving = carrier(booked, postgres, tmp_path)
    booked.status = 503
    moving.round(now_plus(11))
    moving.round(now_plus(13))
    booked.status = 204
    carrier(booked, postgres, tmp_path).round(now_plus(15))
    assert booked.events[0] == booked.events[1] == booked.events[2]
    assert len(set(booked.ids)) == 1


def test_a_new_start_goes_on_where_it_was(booked: Shop, postgres: Postgres, tmp_path: Path) -> None:
    carrier(booked, postgres, tmp_path).round(now_plus(11))
    for seconds in (12, 21):
        carrier(booked, postgres, tmp_path).round(now_plus(seconds))
    assert [event["data"]["message"] for event in booked.events] == [step.message for step in STEPS[:2]]


def test_an_operator_who_is_ahead_is_followed_not_contradicted(
    booked: Shop, postgres: Postgres, tmp_path: Path
) -> None:
    booked.move("out_for_delivery", now_plus(8).isoformat())
    moving = carrier(booked, postgres, tmp_path)
    moving.round(now_plus(11))
    assert not booked.events
    moving.round(now_plus(19))
    assert [event["data"]["status"] for event in booked.events] == ["delivered"]


@pytest.mark.parametrize("status", ["exception", "returned", "lost", "delivered"])
def test_a_parcel_that_stands_still_is_left_alone(
    booked: Shop, postgres: Postgres, tmp_path: Path, status: str
) -> None:
    booked.move(status, START.isoformat())
    carrier(booked, postgres, tmp_path).round(now_plus(50))
    assert not booked.events


def test_it_waits_for_a_database_that_is_away(tmp_path: Path) -> None:
    nowhere = Carrier(
        CARRIER,
        f"postgresql:///x?host={tmp_path}",
        "http://127.0.0.1:9",
        SECRET,
        Rounds(tmp_path / "c.json", STEP),
    )
    nowhere.round(now_plus(11))
