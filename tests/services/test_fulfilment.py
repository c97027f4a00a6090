"""From paid to on its way: one shipment for every paid order, none for any other."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from storefront.domain.addresses import PostalAddress
from storefront.domain.deliveries import Shipment
from storefront.domain.delivery_calendar import DeliveryCalendar
from storefront.domain.errors import StoreUnavailable
from storefront.domain.orders import EventKind, OrderStatus
from storefront.domain.parcels import ShipmentStatus
from storefront.domain.payments import RefundReason
from storefront.process import Process
from storefront.repositories.dynamodb.deliveries import Deliveries
from storefront.services import fulfilment, order_address
from storefront.services.payments import refunds
from storefront.stores import Stores
from tests.support.concurrency import at_once
from tests.support.factories import ADDRESS, order, product
from tests.support.worker import work

UTC = ZoneInfo("UTC")


@pytest.fixture
def paid(stores: Stores) -> UUID:
    return order(stores, product(stores, price=0))


def ship(process: Process) -> int:
    return fulfilment.write_shipments(process.stores())


def shipment_status(stores: Stores, order_id: UUID) -> ShipmentStatus | None:
    shipment = stores.deliveries.for_tracking(order_id).shipment
    return shipment.status if shipment else None


def test_a_paid_order_gets_its_shipment_and_is_prepared(process: Process, stores: Stores, paid: UUID) -> None:
    assert ship(process) == 1
    view = stores.orders.view(paid)
    assert view.status is OrderStatus.PREPARING
    shipment = stores.deliveries.for_tracking(paid).shipment
    assert shipment is not None
    assert shipment.address == ADDRESS
    assert shipment.parcels == ()
    assert shipment.estimated_delivery == view.promised_on == DeliveryCalendar(UTC).promise(view.now, "US")
    assert ship(process) == 0


def test_an_unpaid_order_never_gets_one(process: Process, stores: Stores) -> None:
    order_id = order(stores)
    ship(process)
    fulfilment.write_shipment(stores, order_id)
    assert not stores.deliveries.exists(order_id)
    assert stores.orders.summary(order_id).status is OrderStatus.PENDING


def test_6_a_crash_before_the_shipment_is_written_is_made_up_for(
    process: Process, stores: Stores, paid: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Deliveries, "create", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            ship(process)
    assert not stores.deliveries.exists(paid)
    _leases_end(stores)
    assert ship(process) == 1
    assert shipment_status(stores, paid) is ShipmentStatus.PREPARING


def test_7_a_crash_after_the_shipment_is_written_makes_no_second_one(
    process: Process, stores: Stores, paid: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    _die_before_aurora_knows(process, monkeypatch)
    first = stores.deliveries.for_tracking(paid)
    assert first.shipment is not None
    _leases_end(stores)
    assert ship(process) == 1
    work(process)
    assert stores.deliveries.for_tracking(paid) == first
    assert stores.orders.summary(paid).status is OrderStatus.PREPARING


def test_7_an_order_taken_back_after_such_a_crash_does_not_go_out(
    process: Process, stores: Stores, paid: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shipment says "preparing" and the order does not know of it: who packs goes by the shipment."""
    _die_before_aurora_knows(process, monkeypatch)
    refunds.refund(stores, paid, restock=True, reason=RefundReason.SHOPPER)
    work(process)
    assert shipment_status(stores, paid) is ShipmentStatus.CANCELLED


def test_an_order_taken_back_while_its_shipment_is_written_does_not_go_out(
    process: Process, stores: Stores, paid: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = Deliveries.create

    def overtaken(self: Deliveries, shipment: object) -> bool:
        refunds.refund(process.stores(), paid, restock=True, reason=RefundReason.SHOPPER)
        work(process)
        return create(self, shipment)  # type: ignore[arg-type]

    monkeypatch.setattr(Deliveries, "create", overtaken)
    ship(process)
    work(process)
    assert shipment_status(stores, paid) is ShipmentStatus.CANCELLED
    assert stores.orders.summary(paid).status is OrderStatus.REFUNDED


def test_an_address_corrected_after_such_a_crash_reaches_the_shipment(
    process: Process, stores: Stores, paid: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    _die_before_aurora_knows(process, monkeypatch)
    new = PostalAddress(name="Ada", line1="1 New Road", city="Salem", region="OR", zip="97301", country="US")
    order_address.correct(stores, paid, new)
    _leases_end(stores)
    work(process)
    shipment = stores.deliveries.for_tracking(paid).shipment
    assert shipment is not None
    assert shipment.address == new


def test_an_address_corrected_while_the_shipment_is_written_reaches_it(
    process: Process, stores: Stores, paid: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = PostalAddress(name="Ada", line1="1 New Road", city="Salem", region="OR", zip="97301", country="US")
    create = Deliveries.create

    def overtaken(self: Deliveries, shipment: object) -> bool:
        done = create(self, shipment)  # type: ignore[arg-type]
        order_address.correct(process.stores(), paid, new)
        return done

    monkeypatch.setattr(Deliveries, "create", overtaken)
    ship(process)
    work(process)
    shipment = stores.deliveries.for_tracking(paid).shipment
    assert shipment is not None
    assert shipment.address == new


def test_24_two_workers_write_one_shipment_each_order(process: Process, stores: Stores) -> None:
    sku = product(stores, price=0, quantity=100)
    ids = [order(stores, sku) for _ in range(12)]
    done = at_once(*[lambda: ship(process)] * 3)
    assert done.errors == []
    assert sum(done.results) == 12
    for order_id in ids:
        kinds = [event.kind for event in stores.orders.view(order_id).events]
        assert kinds.count(EventKind.PREPARING) == 1
        assert stores.deliveries.exists(order_id)


def test_one_order_that_cannot_be_shipped_keeps_no_other_waiting(
    process: Process, stores: Stores, paid: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [order(stores, product(stores, price=0)) for _ in range(3)]
    create = Deliveries.create

    def picky(self: Deliveries, shipment: object) -> bool:
        if shipment.order_id == str(paid):  # type: ignore[attr-defined]
            raise ArithmeticError("a bug")
        return create(self, shipment)  # type: ignore[arg-type]

    monkeypatch.setattr(Deliveries, "create", picky)
    assert ship(process) == 3
    assert {stores.orders.summary(one).status for one in others} == {OrderStatus.PREPARING}
    assert stores.orders.summary(paid).status is OrderStatus.PAID


def test_21_what_could_not_be_written_while_dynamodb_was_away_is_written_in_the_next_round(
    process: Process, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = product(stores, price=0, quantity=100)
    ids = [order(stores, sku) for _ in range(5)]

    def away(*_: object) -> bool:
        raise StoreUnavailable("dynamodb")

    with monkeypatch.context() as patch:
        patch.setattr(Deliveries, "create", away)
        with pytest.raises(StoreUnavailable):
            ship(process)
    assert {stores.orders.summary(one).status for one in ids} == {OrderStatus.PAID}
    assert ship(process) == 5


def test_an_older_write_never_undoes_a_newer_one(
    stores: Stores, process: Process, paid: UUID, unsound: None
) -> None:
    ship(process)
    written = stores.deliveries.for_tracking(paid).shipment
    assert written is not None
    for status, version, then in (
        (ShipmentStatus.DELIVERED, 5, ShipmentStatus.DELIVERED),
        (ShipmentStatus.IN_TRANSIT, 4, ShipmentStatus.DELIVERED),
        (ShipmentStatus.RETURNED, 6, ShipmentStatus.RETURNED),
    ):
        stores.deliveries.update(paid, replace(written, status=status, version=version))
        assert shipment_status(stores, paid) is then


def test_an_update_makes_no_shipment_where_there_is_none(stores: Stores) -> None:
    order_id = order(stores)
    none = Shipment(str(order_id), ShipmentStatus.CANCELLED, date(2026, 11, 25), ADDRESS, version=2)
    stores.deliveries.update(order_id, none)
    assert not stores.deliveries.exists(order_id)


def _leases_end(stores: Stores) -> None:
    ids = [row.order_id for row in stores.orders.newest(100)]
    with stores.transaction():
        stores.order_queues.release(ids)


def _die_before_aurora_knows(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(fulfilment, "_prepared", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            ship(process)
