"""Deliveries as the first release of the shop kept them, one parcel to an order, become parcels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

import psycopg
import pytest

from storefront.audit import invariants
from storefront.cli.migrate import migrate_aurora
from storefront.config import Settings
from storefront.domain.attention import AttentionKind
from storefront.domain.ids import new_order_number
from storefront.domain.orders import OrderStatus
from storefront.domain.parcels import ParcelLine, ParcelStatus, Settlement, ShipmentStatus
from storefront.process import Process
from storefront.services import carrier_events
from storefront.stores import Stores
from tests.support.factories import ADDRESS
from tests.support.former import upgrade
from tests.support.worker import event

FIRST_RELEASE = "0001"
SKU = "OLD-PAN"
P = ParcelStatus
PAID_AT = datetime.now(UTC).replace(microsecond=0) - timedelta(days=3)


class Old(NamedTuple):
    """An order of the first release: its status, its delivery's, and what the carrier had reported."""

    status: OrderStatus
    delivery: ParcelStatus
    reported: tuple[ParcelStatus, ...] = ()


OLD = {
    "packed": Old(OrderStatus.PREPARING, P.PREPARING),
    "moving": Old(OrderStatus.SHIPPED, P.IN_TRANSIT, (P.IN_TRANSIT, P.IN_TRANSIT)),
    "at the door": Old(OrderStatus.SHIPPED, P.OUT_FOR_DELIVERY, (P.IN_TRANSIT, P.OUT_FOR_DELIVERY)),
    "nobody home": Old(OrderStatus.SHIPPED, P.EXCEPTION, (P.IN_TRANSIT, P.OUT_FOR_DELIVERY, P.EXCEPTION)),
    "arrived": Old(OrderStatus.DELIVERED, P.DELIVERED, (P.IN_TRANSIT, P.DELIVERED)),
    "on its way back": Old(OrderStatus.SHIPPED, P.RETURNED, (P.IN_TRANSIT, P.RETURNED)),
    "never sent": Old(OrderStatus.REFUNDED, P.CANCELLED),
    "back and paid back": Old(OrderStatus.REFUNDED, P.RETURNED, (P.IN_TRANSIT, P.RETURNED)),
    "kept and paid back": Old(OrderStatus.REFUNDED, P.DELIVERED, (P.IN_TRANSIT, P.DELIVERED)),
}


@pytest.fixture(scope="module")
def filled(database_url: str) -> Iterator[tuple[str, dict[str, UUID]]]:
    """A database of the first release with an order of each kind, migrated to the present one."""
    url = database_url.replace("/storefront?", "/first_release?")
    with psycopg.connect(database_url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE first_release")
        try:
            upgrade(url, FIRST_RELEASE)
            with psycopg.connect(url, autocommit=True) as connection:
                ids = {name: _insert(connection, old) for name, old in OLD.items()}
            migrate_aurora(Settings(database_url=url).sqlalchemy_url)
            yield url, ids
        finally:
            admin.execute("DROP DATABASE first_release WITH (FORCE)")


def _insert(connection: psycopg.Connection[tuple[object, ...]], old: Old) -> UUID:
    """Two units that were bought three days ago, as the first release wrote them."""
    order_id, cart_id, user_id = uuid4(), uuid4(), uuid4()
    number = new_order_number()
    sold = 2 if old.delivery is not P.CANCELLED else 0
    refunded = old.status is OrderStatus.REFUNDED
    connection.execute(
        "INSERT INTO products (sku, name, price_cents) VALUES (%s, 'Pan', 1200) ON CONFLICT DO NOTHING", [SKU]
    )
    connection.execute(
        "INSERT INTO stock (sku, quantity, received) VALUES (%s, 100, 100) ON CONFLICT DO NOTHING", [SKU]
    )
    connection.execute("UPDATE stock SET quantity = quantity - %s WHERE sku = %s", [sold, SKU])
    connection.execute("INSERT INTO carts VALUES (%s, %s, %s, %s)", [cart_id, user_id, PAID_AT, PAID_AT])
    connection.execute("INSERT INTO cart_items VALUES (%s, %s, 2, 1200, 'Pan')", [cart_id, SKU])
    delivery = {
        "status": old.delivery,
        "timestamp": (PAID_AT + timedelta(hours=len(old.reported))).isoformat(),
        "tracking_code": f"LK{number}",
        "carrier": "Larkfield Post",
        "estimated": (PAID_AT + timedelta(days=5)).date().isoformat(),
        "projected": True,
        "version": 1 + len(old.reported),
    }
    connection.execute(
        "INSERT INTO orders (order_id, user_id, cart_id, status, total_cents, address, created_at,"
        " expires_at, number, email, delivery)"
        " VALUES (%s, %s, %s, %s, 2400, %s, %s, %s, %s, 'ada@example.com', %s)",
        [
            *(order_id, user_id, cart_id, old.status, json.dumps(ADDRESS.__dict__), PAID_AT),
            *(PAID_AT + timedelta(minutes=15), number, json.dumps(delivery)),
        ],
    )
    connection.execute(
        "INSERT INTO payments (payment_id, order_id, status, provider, external_ref)"
        " VALUES (%s, %s, %s, 'stripe', %s)",
        [uuid4(), order_id, "refunded" if refunded else "captured", f"cs_{order_id.hex}"],
    )
    paid = {"cents": 2400, "currency": "USD", "intent": f"pi_{order_id.hex}"}
    told: list[tuple[str, str, dict[str, object]]] = [
        ("placed", "placed", {"total_cents": 2400}),
        ("paid", "paid", paid),
        ("preparing", "preparing", {}),
    ]
    for n, status in enumerate(old.reported, 1):
        step = {"status": status, "place": f"Place {n}", "message": "", "tracking_code": f"LK{number}"}
        told.append((f"msg_{n}", "carrier", {**step}))
    if refunded:
        stock = "returned" if old.delivery is P.CANCELLED else "kept_out"
        told += [("refund_due", "refund_due", {"reason": "operator", "stock": stock, "cents": 2400})]
        told += [("refund_done", "refund_done", {})]
    for hour, (event_id, kind, data) in enumerate(told):
        connection.execute(
            "INSERT INTO order_events VALUES (%s, %s, %s, %s, %s, now(), NULL)",
            [order_id, event_id, PAID_AT + timedelta(hours=hour), kind, json.dumps(data)],
        )
    return order_id


@pytest.fixture
def stores(filled: tuple[str, dict[str, UUID]], settings: Settings) -> Iterator[Stores]:
    process = Process(Settings(database_url=filled[0], dynamodb_prefix=settings.dynamodb_prefix))
    yield process.stores()
    process.close()


@pytest.fixture
def ids(filled: tuple[str, dict[str, UUID]]) -> dict[str, UUID]:
    return filled[1]


@pytest.mark.parametrize("name", OLD)
def test_each_is_one_parcel_of_all_lines_that_stands_where_it_stood(
    stores: Stores, ids: dict[str, UUID], name: str
) -> None:
    (parcel,) = stores.parcels.of(ids[name])
    order = stores.orders.summary(ids[name])
    assert (order.status, parcel.status) == (OLD[name].status, OLD[name].delivery)
    assert parcel.lines == (ParcelLine(SKU, 2),)
    assert parcel.tracking_code == f"LK{order.number}"
    assert set(parcel.reports) == set(OLD[name].reported)
    assert parcel.handed_over is bool(OLD[name].reported)
    assert order.promised_on == (PAID_AT + timedelta(days=5)).date()


def test_nothing_is_broken_by_it(stores: Stores) -> None:
    with stores.db.snapshot() as connection:
        found = [one for _, check in invariants.CHECKS for one in check(connection, "USD")]
    assert [f"{one.invariant}: {one.message}" for one in found] == []


def test_what_is_on_its_way_back_is_on_the_list_and_what_was_paid_back_is_settled(
    stores: Stores, ids: dict[str, UUID]
) -> None:
    listed = [(one.kind, one.order_id) for one in stores.attention.open()]
    assert listed == [(AttentionKind.PARCEL_RETURNED, ids["on its way back"])]
    (settled,) = stores.parcels.of(ids["back and paid back"])
    assert settled.settled is Settlement.REFUNDED


@pytest.mark.parametrize("name", OLD)
def test_what_is_to_come_is_looked_at_again_when_its_day_has_ended(
    stores: Stores, ids: dict[str, UUID], name: str
) -> None:
    delivery = stores.orders.summary(ids[name]).delivery
    assert delivery is not None
    coming = name in ("packed", "moving", "at the door", "nobody home")
    day: date | None = (PAID_AT + timedelta(days=5)).date() if coming else None
    assert delivery.look_again == day


def test_a_parcel_goes_on_from_there(stores: Stores, ids: dict[str, UUID]) -> None:
    (parcel,) = stores.parcels.of(ids["nobody home"])
    carrier_events.record(stores, event(parcel.tracking_code, P.DELIVERED))
    after = stores.orders.summary(ids["nobody home"])
    assert after.status is OrderStatus.DELIVERED
    assert after.delivery is not None
    assert after.delivery.status is ShipmentStatus.DELIVERED
