"""Booking parcels, what is done about those that don't arrive, and the order that follows from them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from storefront.domain.attention import AttentionKind
from storefront.domain.errors import Conflict
from storefront.domain.orders import EventKind, Order, OrderStatus
from storefront.domain.packing import Packing
from storefront.domain.parcels import ParcelLine, ParcelStatus, Settlement, ShipmentStatus
from storefront.domain.payments import RefundReason
from storefront.process import Process
from storefront.repositories.aurora.orders import Orders
from storefront.repositories.aurora.parcels import Parcels
from storefront.services import carrier_events, decisions, fulfilment, parcels
from storefront.services.payments import refunds
from storefront.stores import Stores
from tests.support.concurrency import at_once
from tests.support.database import plant
from tests.support.factories import order, product
from tests.support.unguarded import order_without_its_lock
from tests.support.worker import event, pack, work

P, S = ParcelStatus, ShipmentStatus


@pytest.fixture
def sku(stores: Stores) -> str:
    return product(stores, price=0)


@pytest.fixture
def prepared(process: Process, stores: Stores, sku: str) -> UUID:
    """An order of two that is ready to be packed."""
    order_id = order(stores, sku, qty=2)
    work(process)
    return order_id


def report(stores: Stores, code: str, status: ParcelStatus, estimated: date | None = None) -> None:
    carrier_events.record(stores, event(code, status, stores.orders.now(), estimated=estimated))


def shipment(stores: Stores, order_id: UUID) -> str:
    delivery = stores.orders.summary(order_id).delivery
    assert delivery is not None
    return delivery.status


def listed(stores: Stores) -> list[AttentionKind]:
    return [item.kind for item in stores.attention.open()]


def test_an_order_is_delivered_when_its_last_parcel_is(stores: Stores, sku: str, prepared: UUID) -> None:
    seen = []
    for code in ("one", "two"):
        pack(stores, prepared, ParcelLine(sku, 1), carrier="DHL", code=code)
        for status in (P.EXCEPTION, P.IN_TRANSIT, P.DELIVERED):
            report(stores, code, status)
            seen.append((stores.orders.summary(prepared).status.value, shipment(stores, prepared)))
    assert seen == [
        ("preparing", "exception"),  # the pick-up failed: nothing has left
        ("shipped", "in_transit"),
        ("shipped", "part_delivered"),
        ("shipped", "exception"),
        ("shipped", "in_transit"),
        ("delivered", "delivered"),
    ]


def test_units_are_packed_once_however_many_book_at_once(
    process: Process, stores: Stores, sku: str, prepared: UUID
) -> None:
    def book(code: str) -> object:
        return pack(process.stores(), prepared, ParcelLine(sku, 2), code=code)

    done = at_once(*[lambda code=f"code-{n}": book(code) for n in range(5)])
    assert len(done.results) == 1
    assert {type(error) for error in done.errors} == {Conflict}
    assert len(stores.parcels.of(prepared)) == 1


def test_control_without_the_orders_lock_units_are_packed_more_than_once(
    process: Process,
    stores: Stores,
    sku: str,
    prepared: UUID,
    monkeypatch: pytest.MonkeyPatch,
    unsound: None,
) -> None:
    packing = Parcels.packing

    def slowly(self: Parcels, order: Order) -> Packing:
        seen = packing(self, order)
        self._db.session.execute(text("SELECT pg_sleep(0.1)"))
        return seen

    monkeypatch.setattr(Orders, "lock", order_without_its_lock)
    monkeypatch.setattr(Parcels, "packing", slowly)
    at_once(
        *[
            lambda code=f"code-{n}": pack(process.stores(), prepared, ParcelLine(sku, 2), code=code)
            for n in range(3)
        ]
    )
    assert len(stores.parcels.of(prepared)) > 1


def test_the_same_booking_at_once_is_one_parcel(process: Process, stores: Stores, prepared: UUID) -> None:
    done = at_once(*[lambda: pack(process.stores(), prepared, carrier="DHL", code="JD 1")] * 6)
    assert done.errors == []
    assert len({parcel.parcel_id for parcel in done.results}) == 1


def test_one_code_booked_for_two_orders_at_once_is_one_parcel(
    process: Process, stores: Stores, sku: str, prepared: UUID
) -> None:
    other = order(stores, sku)
    work(process)
    done = at_once(
        *[
            lambda order_id=order_id: pack(process.stores(), order_id, carrier="DHL", code="JD 1")
            for order_id in (prepared, other, prepared, other)
        ]
    )
    assert len({parcel.parcel_id for parcel in done.results}) == 1
    assert {type(error) for error in done.errors} == {Conflict}


@pytest.mark.parametrize("status", [P.RETURNED, P.LOST])
def test_what_came_back_or_got_lost_is_sent_again(
    process: Process, stores: Stores, prepared: UUID, status: ParcelStatus
) -> None:
    pack(stores, prepared, carrier="DHL", code="one")
    report(stores, "one", P.IN_TRANSIT)
    report(stores, "one", status)
    assert listed(stores) == [AttentionKind(f"parcel_{status}")]
    assert shipment(stores, prepared) == status
    again = pack(stores, prepared, carrier="UPS", code="two")
    assert again.lines == stores.parcels.of(prepared)[0].lines
    assert listed(stores) == []
    assert shipment(stores, prepared) == "preparing"
    first, _ = stores.parcels.of(prepared)
    assert (first.status, first.settled) == (status, Settlement.SENT_AGAIN)
    report(stores, "one", P.DELIVERED)
    assert stores.parcels.of(prepared)[0].status is status, "it was settled, and stays as it is"
    report(stores, "two", P.DELIVERED)
    assert stores.orders.summary(prepared).status is OrderStatus.DELIVERED


def test_a_lost_parcel_that_is_found_leaves_the_list(stores: Stores, prepared: UUID) -> None:
    pack(stores, prepared, carrier="DHL", code="one")
    report(stores, "one", P.LOST)
    assert listed(stores) == [AttentionKind.PARCEL_LOST]
    report(stores, "one", P.OUT_FOR_DELIVERY)
    assert listed(stores) == []


def test_a_returned_parcel_that_an_operator_closes_is_waited_for_no_more(
    stores: Stores, sku: str, prepared: UUID
) -> None:
    pack(stores, prepared, ParcelLine(sku, 1), carrier="DHL", code="one")
    pack(stores, prepared, carrier="DHL", code="two")
    report(stores, "one", P.RETURNED)
    report(stores, "two", P.DELIVERED)
    assert stores.orders.summary(prepared).status is OrderStatus.SHIPPED
    (item,) = stores.attention.open()
    assert item.code == "one"
    for _ in range(2):
        decisions.done(stores, item.id)
    assert listed(stores) == []
    assert stores.parcels.of(prepared)[0].settled is Settlement.CLOSED
    assert stores.orders.summary(prepared).status is OrderStatus.DELIVERED
    with pytest.raises(Conflict):
        pack(stores, prepared)


def test_a_parcel_is_withdrawn_before_it_is_handed_over_and_its_units_packed_anew(
    stores: Stores, prepared: UUID
) -> None:
    pack(stores, prepared, carrier="DHL", code="one")
    (found,) = stores.parcels.find("one")
    for _ in range(2):
        parcels.cancel(stores, found)
    assert shipment(stores, prepared) == "preparing"
    pack(stores, prepared, carrier="DHL", code="two")
    report(stores, "two", P.IN_TRANSIT)
    with pytest.raises(Conflict):
        parcels.cancel(stores, stores.parcels.find("two")[0])


def test_a_refund_withdraws_what_has_not_left(stores: Stores, sku: str, prepared: UUID) -> None:
    pack(stores, prepared, ParcelLine(sku, 1), carrier="DHL", code="left")
    pack(stores, prepared, carrier="DHL", code="here")
    report(stores, "left", P.IN_TRANSIT)
    refunds.refund(stores, prepared, restock=False, reason=RefundReason.OPERATOR)
    assert [p.status for p in stores.parcels.of(prepared)] == [P.IN_TRANSIT, P.CANCELLED]
    report(stores, "here", P.IN_TRANSIT)
    view = stores.orders.view(prepared)
    assert [e.data["reason"] for e in view.events if e.kind is EventKind.FLAGGED] == ["moving_after_refund"]
    assert stores.parcels.of(prepared)[1].status is P.CANCELLED


def test_an_estimate_after_the_promised_day_delays_and_the_promise_stays(
    stores: Stores, prepared: UUID
) -> None:
    promised = stores.orders.summary(prepared).promised_on
    assert promised is not None
    pack(stores, prepared, carrier="DHL", code="one")
    later = promised + timedelta(days=2)
    report(stores, "one", P.IN_TRANSIT, later)
    assert shipment(stores, prepared) == "delayed"
    after = stores.orders.summary(prepared)
    assert (after.promised_on, after.estimated(stores.calendar)) == (promised, later)
    report(stores, "one", P.IN_TRANSIT, promised)
    assert shipment(stores, prepared) == "in_transit"


def days_pass(stores: Stores, order_id: UUID, days: int) -> None:
    """As if the order had been promised so many days earlier."""
    plant(
        stores,
        "UPDATE orders SET promised_on = promised_on - CAST(:days AS int), delivery = jsonb_set(delivery,"
        " '{look_again}', to_jsonb(((delivery ->> 'look_again')::date - CAST(:days AS int))::text))"
        " WHERE order_id = :id",
        days=days,
        id=order_id,
    )


@pytest.mark.parametrize("packed", [True, False])
def test_when_the_day_has_ended_the_worker_says_so_once(
    process: Process, stores: Stores, prepared: UUID, packed: bool
) -> None:
    if packed:
        pack(stores, prepared, carrier="DHL", code="one")
    assert fulfilment.look_again(stores) == 0
    promised = stores.orders.summary(prepared).promised_on
    assert promised is not None
    days_pass(stores, prepared, (promised - datetime.now(UTC).date()).days + 1)
    assert fulfilment.look_again(stores) == 1
    assert fulfilment.look_again(stores) == 0
    assert shipment(stores, prepared) == "delayed"
    kinds = [e.kind for e in stores.orders.view(prepared).events]
    assert kinds.count(EventKind.DELAYED) == 1
    work(process)
    told = stores.deliveries.for_tracking(prepared).shipment
    assert told is not None
    assert told.status is S.DELAYED


def test_a_parcel_long_overdue_is_on_the_list_until_it_arrives(stores: Stores, prepared: UUID) -> None:
    pack(stores, prepared, carrier="DHL", code="one")
    promised = stores.orders.summary(prepared).promised_on
    assert promised is not None
    days_pass(stores, prepared, (promised - datetime.now(UTC).date()).days + 1)
    fulfilment.look_again(stores)
    assert listed(stores) == []
    days_pass(stores, prepared, 8)
    fulfilment.look_again(stores)
    assert listed(stores) == [AttentionKind.PARCEL_OVERDUE]
    report(stores, "one", P.DELIVERED)
    assert listed(stores) == []
