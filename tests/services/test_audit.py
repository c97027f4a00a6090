"""The audit finds what is planted, keeps quiet about a sound shop, and mends what can be mended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import UUID, uuid4

import pytest
from auditing import assert_sound
from factories import ADDRESS, DECLINED_CARD, back, lapse, order, pay_page, product
from sqlalchemy import create_engine, text
from stripe_control import api, away, sessions_of
from together import at_once

from storefront.config import Settings
from storefront.domain.deliveries import CarrierEvent, Shipment, ShipmentStatus, estimate
from storefront.domain.errors import Conflict, StoreUnavailable
from storefront.domain.ids import OrderNumber, tracking_code
from storefront.domain.orders import Kind, OrderStatus, PaymentStatus
from storefront.domain.schema import metadata
from storefront.payments.provider import Attempt, AttemptState
from storefront.process import Process
from storefront.services import audit as auditing
from storefront.services import cancellation, expiry, fulfilment, payments, tracking
from storefront.services.audit import Finding, Remedy, Tools, findings, invariants, repair
from storefront.services.worker import Worker
from storefront.stores import Stores

pytestmark = pytest.mark.usefixtures("unsound")


@pytest.fixture(autouse=True)
def _short_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "ROUND", 0.01)


@pytest.fixture
def without(database_url: str) -> Iterator[Callable[[str, str], None]]:
    """Takes a constraint away, and puts it back on empty tables."""
    engine = create_engine(Settings(database_url=database_url).sqlalchemy_url)
    with ExitStack() as restore, engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:

        def drop(table: str, constraint: str) -> None:
            found = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = :name"
            definition = db.execute(text(found), {"name": constraint}).scalar_one()
            db.execute(text(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}"))
            add = text(f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {definition}")
            restore.callback(db.execute, add)

        yield drop
        db.execute(text(f"TRUNCATE {', '.join(metadata.tables)}"))
        restore.close()
    engine.dispose()


def sql(stores: Stores, statement: str, **values: Any) -> None:
    with stores.transaction():
        assert stores.db.session.execute(text(statement), values).rowcount, "nothing was planted"


def capture(stores: Stores, order_id: UUID) -> UUID:
    """As if Stripe had captured an order's payment, without asking it."""
    ref, cents = f"cs_{order_id.hex}", stores.orders.head(order_id).total_cents
    sql(stores, "UPDATE payments SET external_ref = :ref WHERE order_id = :id", ref=ref, id=order_id)
    took = Attempt(ref, AttemptState.CAPTURED, cents, "USD", intent=f"pi_{order_id.hex}")
    payments.apply(stores, order_id, took, "USD")
    return order_id


def carried(stores: Stores, order_id: UUID, *statuses: ShipmentStatus) -> UUID:
    code = tracking_code(OrderNumber(stores.orders.head(order_id).number))
    for status in statuses:
        tracking.record(stores, CarrierEvent(uuid4().hex, code, status, stores.orders.now()))
    return order_id


class Shop:
    """One order in each state, reached by the services; ``ids`` by state."""

    def __init__(self, stores: Stores, ids: dict[str, UUID]) -> None:
        self.stores = stores
        self.sku = "pan"
        self.ids = ids


def opened(process: Process) -> Shop:
    stores = process.stores()
    sku = product(stores, "pan", price=1200, quantity=100)
    free = product(stores, "leaflet", price=0, quantity=9)
    ids: dict[str, UUID] = {}
    ids["expired"] = order(stores, sku)
    lapse(stores, ids["expired"])
    expiry.expire_lapsed(stores, process.stripe, "USD")
    ids["revived"] = order(stores, sku)
    lapse(stores, ids["revived"])
    expiry.expire_lapsed(stores, process.stripe, "USD")
    capture(stores, ids["revived"])
    ids["cancelled"] = order(stores, sku)
    cancellation.cancel(stores, process.stripe, ids["cancelled"], "USD", by="shopper")
    for state in ("preparing", "shipped", "delivered", "returned", "kept"):
        ids[state] = capture(stores, order(stores, sku, qty=2))
    ids["free"] = order(stores, free)
    fulfilment.write_shipments(stores, process.settings.zone)
    carried(stores, ids["shipped"], ShipmentStatus.IN_TRANSIT)
    carried(stores, ids["delivered"], ShipmentStatus.IN_TRANSIT, ShipmentStatus.DELIVERED)
    payments.refund(stores, ids["returned"], restock=True, by="operator")
    payments.refund(stores, ids["kept"], restock=False, by="operator")
    ids["pending"] = order(stores, sku, qty=3)
    expiry.extend(stores, ids["pending"])
    ids["paid"] = capture(stores, order(stores, sku))
    fulfilment.project(stores)
    return Shop(stores, ids)


class Shelf:
    """Keeps a copy of all tables beside them, since opening a shop anew takes its time."""

    def __init__(self, database_url: str) -> None:
        self._engine = create_engine(Settings(database_url=database_url).sqlalchemy_url)
        self.ids: dict[str, UUID] = {}

    def keep(self, ids: dict[str, UUID]) -> None:
        self.ids = ids
        self._run("CREATE SCHEMA kept", *(f"CREATE TABLE kept.{t} AS TABLE {t}" for t in self._tables))

    def bring_back(self) -> None:
        columns = {
            table.name: ", ".join(column.name for column in table.columns if column.computed is None)
            for table in metadata.sorted_tables
        }
        self._run(
            *(f"INSERT INTO {t} ({columns[t]}) SELECT {columns[t]} FROM kept.{t}" for t in self._tables)
        )

    def clear(self) -> None:
        self._run("DROP SCHEMA IF EXISTS kept CASCADE")
        self._engine.dispose()

    @property
    def _tables(self) -> list[str]:
        return [table.name for table in metadata.sorted_tables]

    def _run(self, *statements: str) -> None:
        with self._engine.begin() as db:
            for statement in statements:
                db.execute(text(statement))


@pytest.fixture(scope="module")
def shelf(database_url: str) -> Iterator[Shelf]:
    made = Shelf(database_url)
    yield made
    made.clear()


@pytest.fixture
def shop(process: Process, shelf: Shelf) -> Shop:
    """An open shop. What DynamoDB has of its orders must be left as it is: use ``opened`` otherwise."""
    if not shelf.ids:
        shelf.keep(opened(process).ids)
    else:
        shelf.bring_back()
    return Shop(process.stores(), shelf.ids)


def told(found: list[Finding]) -> list[str]:
    return [f"{one.invariant}: {one.message}" for one in found]


def test_a_shop_in_which_everything_happened_is_sound(process: Process) -> None:
    shop = opened(process)
    assert told(findings(shop.stores, due=False)) == []
    fulfilment.write_shipments(shop.stores, process.settings.zone)
    assert told(findings(shop.stores, due=True)) == []
    result = auditing.audit(shop.stores, "USD")
    assert (result.orders, result.products, result.sound) == (len(shop.ids), 2, True)


# What is planted, into the order of which state, and the invariant with words of the finding it must give.
ORDER_PLANTS = [
    ("DELETE FROM payments WHERE order_id = :id", "pending", "I4", "has no payment"),
    ("UPDATE payments SET status = 'pending' WHERE order_id = :id", "preparing", "I4", "payment is pending"),
    ("UPDATE payments SET status = 'captured' WHERE order_id = :id", "kept", "I4", "payment is captured"),
    ("UPDATE payments SET status = 'captured' WHERE order_id = :id", "pending", "I4", "payment is captured"),
    ("UPDATE payments SET provider = 'none' WHERE order_id = :id", "pending", "I4", "provider is none"),
    ("UPDATE payments SET provider = 'stripe' WHERE order_id = :id", "free", "I4", "provider is stripe"),
    ("UPDATE payments SET external_ref = NULL WHERE order_id = :id", "paid", "I4", "without a reference"),
    (
        "UPDATE order_events SET data = data || '{\"cents\": 1}' WHERE order_id = :id AND kind = 'paid'",
        "paid",
        "I4",
        "but 1 were captured",
    ),
    (
        'UPDATE order_events SET data = data || \'{"currency": "EUR"}\''
        " WHERE order_id = :id AND kind = 'paid'",
        "paid",
        "I4",
        "paid in EUR",
    ),
    ("UPDATE orders SET delivery = NULL WHERE order_id = :id", "shipped", "I7", "without a delivery"),
    (
        "UPDATE orders SET delivery = (SELECT delivery FROM orders WHERE status = 'shipped')"
        " WHERE order_id = :id",
        "expired",
        "I7",
        "has a delivery, but is expired",
    ),
    (
        'UPDATE orders SET delivery = delivery || \'{"status": "preparing"}\' WHERE order_id = :id',
        "kept",
        "I7",
        "parcel is still prepared",
    ),
    ("DELETE FROM order_events WHERE order_id = :id AND kind = 'placed'", "pending", "I9", "never placed"),
    (
        "INSERT INTO order_events (order_id, event_id, kind, data)"
        " SELECT order_id, 'again', 'paid_late', data FROM order_events"
        " WHERE order_id = :id AND kind = 'paid'",
        "paid",
        "I9",
        "paid twice",
    ),
    ("DELETE FROM order_events WHERE order_id = :id AND kind = 'paid'", "paid", "I9", "was never paid"),
    ("UPDATE orders SET status = 'pending' WHERE order_id = :id", "paid", "I9", "is pending, but was paid"),
    (
        "UPDATE order_events SET kind = 'paid' WHERE order_id = :id AND kind = 'paid_late'",
        "revived",
        "I9",
        "in a way that no order goes",
    ),
    (
        "DELETE FROM order_events WHERE order_id = :id AND kind = 'expired'",
        "revived",
        "I9",
        "in a way that no order goes",
    ),
    (
        "DELETE FROM order_events WHERE order_id = :id AND kind = 'expired'",
        "expired",
        "I9",
        "but never expired",
    ),
    ("UPDATE orders SET status = 'pending' WHERE order_id = :id", "expired", "I9", "but has expired"),
    (
        "DELETE FROM order_events WHERE order_id = :id AND kind = 'cancelled'",
        "cancelled",
        "I9",
        "but was never cancelled",
    ),
    ("UPDATE orders SET status = 'pending' WHERE order_id = :id", "cancelled", "I9", "but was cancelled"),
    (
        "DELETE FROM order_events WHERE order_id = :id AND kind = 'preparing'",
        "shipped",
        "I9",
        "but was never prepared",
    ),
    ("UPDATE orders SET status = 'paid' WHERE order_id = :id", "preparing", "I9", "but was prepared"),
    (
        "DELETE FROM order_events WHERE order_id = :id AND kind = 'carrier'",
        "shipped",
        "I9",
        "but no carrier said so",
    ),
    ("UPDATE orders SET status = 'delivered' WHERE order_id = :id", "shipped", "I9", "no carrier said so"),
    (
        "DELETE FROM order_events WHERE order_id = :id AND kind = 'refund_due'",
        "returned",
        "I9",
        "a refund was never due",
    ),
    (
        "UPDATE orders SET status = 'preparing' WHERE order_id = :id",
        "returned",
        "I9",
        "but a refund is due",
    ),
    (
        'UPDATE order_events SET data = data || \'{"stock": "not_taken"}\''
        " WHERE order_id = :id AND kind = 'refund_due'",
        "returned",
        "I9",
        "goods not_taken",
    ),
    (
        "UPDATE payments SET status = 'refunded' WHERE order_id = :id",
        "returned",
        "I9",
        "the refund is not done",
    ),
    (
        "INSERT INTO order_events (order_id, event_id, kind) VALUES (:id, 'refund_done', 'refund_done')",
        "returned",
        "I9",
        "the refund is done",
    ),
    ("UPDATE orders SET extended_at = NULL WHERE order_id = :id", "pending", "I9", "but it was extended"),
    ("UPDATE orders SET extended_at = now() WHERE order_id = :id", "paid", "I9", "but it was not"),
    (
        "UPDATE orders SET total_cents = total_cents + 1 WHERE order_id = :id",
        "pending",
        "I10",
        "but was placed at 3600",
    ),
    (
        "UPDATE cart_items SET price_cents = 1"
        " WHERE cart_id = (SELECT cart_id FROM orders WHERE order_id = :id)",
        "pending",
        "I10",
        "but its lines 3",
    ),
    (
        "DELETE FROM cart_items WHERE cart_id = (SELECT cart_id FROM orders WHERE order_id = :id)",
        "cancelled",
        "I10",
        "has no lines",
    ),
    (
        "UPDATE carts SET closed_at = NULL WHERE cart_id = (SELECT cart_id FROM orders WHERE order_id = :id)",
        "paid",
        "I10",
        "cart that is still open",
    ),
    (
        "INSERT INTO order_events (order_id, event_id, kind, data)"
        " SELECT :id, event_id, kind, data FROM order_events WHERE kind = 'carrier' LIMIT 1",
        "preparing",
        "I11",
        "event carrier:",
    ),
    (
        "UPDATE order_events SET data = data || jsonb_build_object('intent',"
        " (SELECT data ->> 'intent' FROM order_events WHERE kind = 'paid_late'))"
        " WHERE order_id = :id AND kind = 'paid'",
        "paid",
        "I11",
        "capture pi_",
    ),
    ("UPDATE payments SET status = 'failed' WHERE order_id = :id", "pending", "I13", "ever declined it"),
]


@pytest.mark.parametrize(
    ("statement", "state", "invariant", "words"), ORDER_PLANTS, ids=[f"{p[2]}-{p[3]}" for p in ORDER_PLANTS]
)
def test_what_is_wrong_with_an_order_is_found(
    shop: Shop, statement: str, state: str, invariant: str, words: str
) -> None:
    sql(shop.stores, statement, id=shop.ids[state])
    found = findings(shop.stores, due=False)
    matching = [one for one in found if one.invariant == invariant and words in one.message]
    assert matching, told(found)
    if invariant != "I11":
        assert matching[0].order_id == shop.ids[state]


def test_there_are_as_many_plants_as_rules() -> None:
    """A new rule about orders comes with what it is to find."""
    for name in {rule.invariant for rule in invariants.RULES}:
        rules = sum(rule.invariant == name for rule in invariants.RULES)
        assert sum(plant[2] == name for plant in ORDER_PLANTS) >= rules


def test_a_declined_card_is_a_failed_payment_by_right(process: Process, stores: Stores, stripe: str) -> None:
    declined = order(stores)
    pay_page(payments.start(stores, process.stripe, declined, back, "USD"), DECLINED_CARD)
    payments.settle(stores, process.stripe, declined, "USD")
    assert stores.orders.head(declined).payment_status is PaymentStatus.FAILED
    assert_sound(process, due=True, stripe=True)


# --- stock


@pytest.mark.parametrize(
    ("constraint", "change", "expected"),
    [
        ("", "reserved = reserved + 1", ["I2"]),
        ("", "reserved = reserved - 1", ["I2"]),
        ("", "received = received + 1", ["I3"]),
        ("", "quantity = quantity - 1", ["I3"]),
        ("stock_reserved_check", "reserved = -1", ["I1", "I2"]),
        ("stock_reserved_check", "reserved = quantity + 1", ["I1", "I2"]),
    ],
)
def test_wrong_stock_is_found_and_mended(
    process: Process, shop: Shop, without: Any, constraint: str, change: str, expected: list[str]
) -> None:
    before = shop.stores.stock.level(shop.sku)
    if constraint:
        without("stock", constraint)
    sql(shop.stores, f"UPDATE stock SET {change} WHERE sku = :sku", sku=shop.sku)
    found = findings(shop.stores, due=False)
    assert [one.invariant for one in found] == expected
    assert {one.sku for one in found} == {shop.sku}
    for one in found:
        repair(tools(process), one)
    assert told(findings(shop.stores, due=False)) == []
    if "quantity" not in change.split("=")[0]:
        assert shop.stores.stock.level(shop.sku) == before


def test_goods_refunded_and_kept_out_count_as_sold(shop: Shop) -> None:
    sql(
        shop.stores,
        'UPDATE order_events SET data = data || \'{"stock": "returned"}\''
        " WHERE order_id = :id AND kind = 'refund_due'",
        id=shop.ids["kept"],
    )
    assert [one.invariant for one in findings(shop.stores, due=False)] == ["I3"]


def test_more_promised_than_there_is_can_not_be_mended(process: Process, shop: Shop, without: Any) -> None:
    without("stock", "stock_reserved_check")
    sql(
        shop.stores,
        "UPDATE stock SET quantity = 1, reserved = 1, received = received + 1 - quantity WHERE sku = 'pan'",
    )
    (found,) = findings(shop.stores, due=False)
    assert (found.invariant, found.repairable) == ("I2", False)
    assert "storefront stock receive pan 2" in found.advice
    with pytest.raises(Conflict):
        repair(tools(process), found)


def test_a_recount_amid_orders_comes_out_right(process: Process, stores: Stores) -> None:
    sku = product(stores, quantity=200)
    wrong = Finding("I2", "", sku=sku, remedy=Remedy.RECOUNT)

    def buy() -> None:
        own = process.stores()
        for _ in range(5):
            own_order = order(own, sku)
            cancellation.cancel(own, process.stripe, own_order, "USD", by="shopper")
            order(own, sku)

    def recount() -> None:
        own = process.stores()
        for _ in range(20):
            repair(Tools(own, process.stripe, "USD"), wrong)

    assert not at_once(buy, recount, buy).errors
    assert stores.stock.level(sku).reserved == 10
    assert_sound(process)


def test_an_order_for_what_has_no_stock_record_is_found(shop: Shop, without: Any) -> None:
    sql(shop.stores, "DELETE FROM stock WHERE sku = 'leaflet'")
    assert [(one.invariant, one.sku) for one in findings(shop.stores, due=False)] == [("I2", "leaflet")]


# --- what constraints should never let in


def test_two_orders_of_one_cart_are_found(shop: Shop, without: Any) -> None:
    without("orders", "orders_cart_id_key")
    sql(
        shop.stores,
        "UPDATE orders SET cart_id = (SELECT cart_id FROM orders WHERE order_id = :other)"
        " WHERE order_id = :id",
        id=shop.ids["cancelled"],
        other=shop.ids["expired"],
    )
    found = [one for one in findings(shop.stores, due=False) if one.invariant == "I8"]
    assert {one.order_id for one in found} == {shop.ids["cancelled"], shop.ids["expired"]}


def test_an_event_written_twice_is_found(shop: Shop, without: Any) -> None:
    without("order_events", "order_events_pkey")
    sql(
        shop.stores,
        "INSERT INTO order_events SELECT * FROM order_events WHERE order_id = :id AND kind = 'paid'",
        id=shop.ids["paid"],
    )
    found = findings(shop.stores, due=False)
    assert [(one.invariant, one.order_id) for one in found if "event paid" in one.message] == [
        ("I11", shop.ids["paid"])
    ]


def test_two_orders_with_one_payment_object_are_found(shop: Shop, without: Any) -> None:
    without("payments", "payments_provider_external_ref_key")
    sql(
        shop.stores,
        "UPDATE payments SET external_ref = :ref WHERE order_id = :id",
        ref=f"cs_{shop.ids['paid'].hex}",
        id=shop.ids["pending"],
    )
    assert [one.invariant for one in findings(shop.stores, due=False)] == ["I11"]


def test_a_transaction_that_waits_is_found(
    process: Process, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invariants, "LONGEST_REQUEST", 0.0)
    with process.stores().transaction():
        assert findings(stores) == []  # begun by nothing yet
    waiting = process.stores()
    with waiting.transaction():
        waiting.orders.now()
        assert [one.invariant for one in findings(stores)] == ["I14"]
    assert findings(stores) == []


# --- what a worker must have done


def test_an_order_pending_past_its_hold_is_found_and_given_to_the_worker(
    process: Process, stores: Stores
) -> None:
    late = order(stores)
    sql(
        stores,
        "UPDATE orders SET created_at = now() - interval '1 hour', expires_at = now() - interval '1 minute',"
        " claimed_until = now() + interval '1 hour' WHERE order_id = :id",
        id=late,
    )
    assert findings(stores, due=False) == []
    (found,) = findings(stores)
    assert (found.invariant, found.order_id, found.remedy) == ("I15", late, Remedy.REQUEUE)
    Worker(process).round()
    assert told(findings(stores)) == told([found])
    repair(tools(process), found)
    Worker(process).round()
    assert stores.orders.head(late).status is OrderStatus.EXPIRED
    assert_sound(process, due=True)


def test_a_hold_that_ended_just_now_is_not_late(stores: Stores) -> None:
    lapse(stores, order(stores))
    assert findings(stores) == []


def test_a_paid_order_left_without_shipment_is_found_and_mended(process: Process, stores: Stores) -> None:
    left = capture(stores, order(stores))
    sql(stores, "UPDATE orders SET claimed_until = now() + interval '1 hour' WHERE order_id = :id", id=left)
    (found,) = findings(stores)
    assert (found.invariant, found.order_id) == ("I7", left)
    repair(tools(process), found)
    Worker(process).round()
    assert stores.orders.head(left).status is OrderStatus.PREPARING
    assert_sound(process, due=True)


def test_what_a_worker_does_meanwhile_is_not_held_against_it(
    process: Process, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture(stores, order(stores))
    slept: list[float] = []

    def while_we_wait(seconds: float) -> None:
        slept.append(seconds)
        Worker(process).round()

    monkeypatch.setattr(auditing, "sleep", while_we_wait)
    assert findings(stores) == []
    assert len(slept) == 1


# --- between the stores


@pytest.fixture
def shipped(process: Process, stores: Stores) -> UUID:
    ready = capture(stores, order(stores))
    fulfilment.write_shipments(stores, process.settings.zone)
    carried(stores, ready, ShipmentStatus.IN_TRANSIT)
    fulfilment.project(stores)
    assert_sound(process, due=True)
    return ready


def test_a_lost_shipment_is_found_and_written_again(process: Process, stores: Stores, shipped: UUID) -> None:
    process.dynamodb.client.delete_item(
        TableName=process.dynamodb.deliveries,
        Key={"order_id": {"S": str(shipped)}, "item": {"S": "shipment"}},
    )
    mended_by_a_round(process, shipped, Remedy.CARRY_OVER)
    shipment = stores.deliveries.for_tracking(shipped).shipment
    assert shipment is not None
    assert (shipment.status, shipment.address) == (ShipmentStatus.IN_TRANSIT, ADDRESS)


@pytest.mark.parametrize(
    ("status", "version"), [("preparing", 2), ("in_transit", 90)], ids=["another status", "a later version"]
)
def test_a_shipment_that_tells_something_else_is_found_and_corrected(
    process: Process, stores: Stores, shipped: UUID, status: str, version: int
) -> None:
    process.dynamodb.client.update_item(
        TableName=process.dynamodb.deliveries,
        Key={"order_id": {"S": str(shipped)}, "item": {"S": "shipment"}},
        UpdateExpression="SET #s = :s, #v = :v",
        ExpressionAttributeNames={"#s": "status", "#v": "version"},
        ExpressionAttributeValues={":s": {"S": status}, ":v": {"N": str(version)}},
    )
    mended_by_a_round(process, shipped, Remedy.CARRY_OVER)


def test_news_that_stay_in_aurora_are_found_and_carried_over(
    process: Process, stores: Stores, shipped: UUID
) -> None:
    carried(stores, shipped, ShipmentStatus.DELIVERED)
    sql(
        stores, "UPDATE orders SET claimed_until = now() + interval '1 hour' WHERE order_id = :id", id=shipped
    )
    assert findings(stores, due=False) == []
    mended_by_a_round(process, shipped, Remedy.REQUEUE)
    shipment = stores.deliveries.for_tracking(shipped).shipment
    assert shipment is not None
    assert shipment.status is ShipmentStatus.DELIVERED


def shipment_of(stores: Stores, order_id: UUID) -> Shipment:
    head = stores.orders.head(order_id)
    return Shipment(
        order_id=str(order_id),
        status=ShipmentStatus.PREPARING,
        carrier="Larkfield Post",
        tracking_code=tracking_code(OrderNumber(head.number)),
        estimated_delivery=estimate(head.created_at.date()),
        address=head.address,
    )


@pytest.mark.parametrize("ending", ["pending", "expired", "cancelled"])
def test_a_shipment_of_an_unpaid_order_is_found(process: Process, stores: Stores, ending: str) -> None:
    unpaid = order(stores)
    if ending == "expired":
        lapse(stores, unpaid)
        expiry.expire_lapsed(stores, process.stripe, "USD")
    elif ending == "cancelled":
        cancellation.cancel(stores, process.stripe, unpaid, "USD", by="shopper")
    stores.deliveries.create(shipment_of(stores, unpaid))
    (found,) = findings(stores, due=False)
    assert (found.invariant, found.order_id, found.repairable) == ("I7", unpaid, False)


def test_a_shipment_of_a_refunded_order_is_found_and_stopped(process: Process, stores: Stores) -> None:
    refunded = capture(stores, order(stores))
    payments.refund(stores, refunded, restock=True, by="shopper")
    sql(stores, "UPDATE orders SET delivery = NULL WHERE order_id = :id", id=refunded)
    stores.deliveries.create(shipment_of(stores, refunded))
    mended_by_a_round(process, refunded, Remedy.STOP_PARCEL)
    shipment = stores.deliveries.for_tracking(refunded).shipment
    assert shipment is not None
    assert shipment.status is ShipmentStatus.CANCELLED


def test_a_refunded_order_that_is_still_prepared_is_stopped(process: Process) -> None:
    shop = opened(process)
    sql(
        shop.stores,
        'UPDATE orders SET delivery = delivery || \'{"status": "preparing"}\' WHERE order_id = :id',
        id=shop.ids["kept"],
    )
    for found in findings(shop.stores, due=False):
        repair(tools(process), found)
    fulfilment.project(shop.stores)
    assert told(findings(shop.stores, due=False)) == []


def mended_by_a_round(process: Process, order_id: UUID, remedy: Remedy) -> None:
    stores = process.stores()
    (found,) = findings(stores)
    assert (found.invariant, found.order_id, found.remedy) == ("I7", order_id, remedy)
    repair(tools(process), found)
    Worker(process).round()
    assert told(findings(stores)) == []


def test_without_dynamodb_nothing_is_said_to_be_sound(
    process: Process, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9")
    stores = Process(process.settings).stores()
    result = auditing.audit(stores, "USD")
    assert (result.findings, result.unanswered, result.sound) == ([], ["DynamoDB"], False)
    with pytest.raises(StoreUnavailable):
        findings(stores)


# --- Stripe's books


def tools(process: Process) -> Tools:
    return Tools(process.stores(), process.stripe, "USD")


def with_stripe(process: Process) -> list[Finding]:
    return findings(process.stores(), stripe=process.stripe, due=False)


@pytest.fixture
def bought(process: Process, stores: Stores, stripe: str) -> UUID:
    """An order paid on Stripe's page."""
    bought = order(stores)
    assert pay_page(payments.start(stores, process.stripe, bought, back, "USD")).status_code == 303
    assert payments.settle(stores, process.stripe, bought, "USD") is OrderStatus.PAID
    assert with_stripe(process) == []
    return bought


def intent_of(stripe: str, order_id: UUID) -> str:
    return str(sessions_of(stripe, order_id)[0]["payment_intent"])


@pytest.mark.parametrize("ending", ["pending", "expired"])
def test_a_charge_without_a_paid_order_is_found_and_settled(
    process: Process, stores: Stores, stripe: str, ending: str
) -> None:
    paid = order(stores)
    pay_page(payments.start(stores, process.stripe, paid, back, "USD"))
    if ending == "expired":
        lapse(stores, paid)
        with stores.transaction():
            for _, cart_id in stores.orders.expire([paid]):
                stores.stock.release([cart_id])
            stores.events.record(paid, Kind.EXPIRED)
    (found,) = with_stripe(process)
    assert (found.invariant, found.order_id, found.remedy) == ("I6", paid, Remedy.SETTLE)
    repair(tools(process), found)
    assert stores.orders.head(paid).status is OrderStatus.PAID
    assert with_stripe(process) == []


def test_a_second_charge_is_found_noted_and_refunded(process: Process, stores: Stores, stripe: str) -> None:
    twice = order(stores)
    pay_page(payments.start(stores, process.stripe, twice, back, "USD"))
    sql(
        stores,
        "UPDATE payments SET external_ref = NULL, attempt = attempt + 1 WHERE order_id = :id",
        id=twice,
    )
    pay_page(payments.start(stores, process.stripe, twice, back, "USD"))
    payments.settle(stores, process.stripe, twice, "USD")
    (found,) = with_stripe(process)
    assert (found.invariant, found.order_id, found.remedy) == ("I6", twice, Remedy.NOTE_STRAY)
    repair(tools(process), found)
    (found,) = with_stripe(process)
    assert "0 of 1200 cents went back" in found.message
    Worker(process).round()
    assert with_stripe(process) == []
    assert stores.orders.head(twice).status is OrderStatus.PREPARING


def test_money_given_back_in_the_dashboard_is_found(
    process: Process, stores: Stores, stripe: str, bought: UUID
) -> None:
    api(stripe, "POST", "refunds", payment_intent=intent_of(stripe, bought), amount="200")
    (found,) = with_stripe(process)
    assert (found.invariant, found.order_id) == ("I5", bought)
    assert "gave 200 of 1200 cents back" in found.message


def test_a_refund_in_the_dashboard_is_mended_as_advised(
    process: Process, stores: Stores, stripe: str, bought: UUID
) -> None:
    api(stripe, "POST", "refunds", payment_intent=intent_of(stripe, bought))
    (found,) = with_stripe(process)
    assert f"storefront refund {stores.orders.head(bought).number}" in found.advice
    payments.refund(stores, bought, restock=True, by="operator")
    Worker(process).round()
    assert_sound(process, due=True, stripe=True)


def test_a_refund_that_stripe_was_never_asked_for_is_found(
    process: Process, stores: Stores, stripe: str, bought: UUID
) -> None:
    payments.refund(stores, bought, restock=True, by="operator")
    sql(stores, "UPDATE orders SET claimed_until = now() + interval '1 hour' WHERE order_id = :id", id=bought)
    (found,) = with_stripe(process)
    assert (found.invariant, found.remedy) == ("I5", Remedy.REQUEUE)
    repair(tools(process), found)
    Worker(process).round()
    assert stores.orders.head(bought).payment_status is PaymentStatus.REFUNDED
    assert_sound(process, due=True, stripe=True)


def test_a_refused_refund_is_an_operators_until_stripe_has_done_it(
    process: Process, stores: Stores, stripe: str, bought: UUID
) -> None:
    payments.refund(stores, bought, restock=True, by="operator")
    with stores.transaction():
        stores.events.record(bought, Kind.REFUND_REFUSED)
    (found,) = with_stripe(process)
    assert (found.invariant, found.repairable) == ("I5", False)
    api(stripe, "POST", "refunds", payment_intent=intent_of(stripe, bought))
    (found,) = with_stripe(process)
    assert found.remedy is Remedy.NOTE_REFUND
    repair(tools(process), found)
    assert stores.orders.head(bought).payment_status is PaymentStatus.REFUNDED
    assert with_stripe(process) == []


def test_a_refund_told_as_done_that_is_not_is_found(
    process: Process, stores: Stores, stripe: str, bought: UUID
) -> None:
    payments.refund(stores, bought, restock=True, by="operator")
    sql(stores, "UPDATE payments SET status = 'refunded' WHERE order_id = :id", id=bought)
    with stores.transaction():
        stores.events.record(bought, Kind.REFUND_DONE)
    (found,) = with_stripe(process)
    assert (found.invariant, found.repairable) == ("I5", False)
    assert "gave 0 of 1200 cents back" in found.message


def test_another_amount_at_stripe_is_found(process: Process, stores: Stores, bought: UUID) -> None:
    for statement in (
        "UPDATE orders SET total_cents = 1300 WHERE order_id = :id",
        "UPDATE cart_items SET price_cents = 1300"
        " WHERE cart_id = (SELECT cart_id FROM orders WHERE order_id = :id)",
        "UPDATE order_events SET data = data || '{\"cents\": 1300}' WHERE order_id = :id AND kind = 'paid'",
        "UPDATE order_events SET data = '{\"total_cents\": 1300}' WHERE order_id = :id AND kind = 'placed'",
    ):
        sql(stores, statement, id=bought)
    assert findings(stores, due=False) == []  # the books agree with themselves
    (found,) = with_stripe(process)
    assert (found.invariant, found.order_id) == ("I5", bought)
    assert "holds 1300 USD cents as captured, Stripe 1200 USD" in found.message


def test_a_payment_that_stripe_does_not_know_is_found(process: Process, stores: Stores, bought: UUID) -> None:
    sql(stores, "UPDATE payments SET external_ref = 'cs_nobodys' WHERE order_id = :id", id=bought)
    found = with_stripe(process)
    assert "I5" in {one.invariant for one in found}
    assert any("Stripe does not know" in one.message for one in found)


def test_orders_before_the_time_asked_about_are_passed_over(
    process: Process, stores: Stores, stripe: str, bought: UUID
) -> None:
    api(stripe, "POST", "refunds", payment_intent=intent_of(stripe, bought))
    sql(stores, "UPDATE orders SET created_at = now() - interval '31 days' WHERE order_id = :id", id=bought)
    assert with_stripe(process) == []


def test_without_stripe_nothing_is_said_to_be_sound(process: Process, stripe: str, bought: UUID) -> None:
    with away(stripe):
        result = auditing.audit(process.stores(), "USD", stripe=process.stripe, due=False)
    assert (result.unanswered, result.sound) == (["Stripe"], False)


def test_a_settlement_under_way_is_not_held_against_anybody(
    process: Process, stores: Stores, stripe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid = order(stores)
    pay_page(payments.start(stores, process.stripe, paid, back, "USD"))
    settle = lambda _seconds: payments.settle(stores, process.stripe, paid, "USD")  # noqa: E731
    monkeypatch.setattr(auditing, "sleep", settle)
    assert with_stripe(process) == []
