"""From paid to on its way: one shipment for every paid order, none for any other."""

from __future__ import annotations

from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from factories import ADDRESS, order, product
from together import at_once
from working import work

from storefront.domain.customers import PostalAddress
from storefront.domain.deliveries import ShipmentStatus, estimate
from storefront.domain.errors import StoreUnavailable
from storefront.domain.ids import OrderNumber, order_number_of
from storefront.domain.orders import Kind, OrderStatus
from storefront.process import Process
from storefront.repositories.dynamodb.deliveries import Deliveries
from storefront.services import delivery_address, fulfilment, payments
from storefront.stores import Stores

UTC = ZoneInfo("UTC")


@pytest.fixture
def paid(stores: Stores) -> UUID:
    return order(stores, product(stores, price=0))


def ship(process: Process) -> int:
    return fulfilment.write_shipments(process.stores(), UTC)


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
    assert order_number_of(shipment.tracking_code) == OrderNumber(view.number)
    assert shipment.estimated_delivery == estimate(view.created_at.date())
    assert ship(process) == 0


def test_an_unpaid_order_never_gets_one(process: Process, stores: Stores) -> None:
    order_id = order(stores)
    ship(process)
    fulfilment.write_shipment(stores, order_id, UTC)
    assert not stores.deliveries.exists(order_id)
    assert stores.orders.head(order_id).status is OrderStatus.PENDING


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
    assert stores.orders.head(paid).status is OrderStatus.PREPARING


def test_7_an_order_taken_back_after_such_a_crash_does_not_go_out(
    process: Process, stores: Stores, paid: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shipment says "preparing" and the order does not know of it: who packs goes by the shipment."""
    _die_before_aurora_knows(process, monkeypatch)
    payments.refund(stores, paid, restock=True, by="shopper")
    work(process)
    assert shipment_status(stores, paid) is ShipmentStatus.CANCELLED


def test_an_order_taken_back_while_its_shipment_is_written_does_not_go_out(
    process: Process, stores: Stores, paid: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = Deliveries.create

    def overtaken(self: Deliveries, shipment: object) -> bool:
        payments.refund(process.stores(), paid, restock=True, by="shopper")
        work(process)
        return create(self, shipment)  # type: ignore[arg-type]

    monkeypatch.setattr(Deliveries, "create", overtaken)
    ship(process)
    work(process)
    assert shipment_status(stores, paid) is ShipmentStatus.CANCELLED
    assert stores.orders.head(paid).status is OrderStatus.REFUNDED


def test_an_address_corrected_after_such_a_crash_reaches_the_shipment(
    process: Process, stores: Stores, paid: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    _die_before_aurora_knows(process, monkeypatch)
    new = PostalAddress(name="Ada", line1="1 New Road", city="Salem", region="OR", zip="97301", country="US")
    delivery_address.correct(stores, paid, new)
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
        delivery_address.correct(process.stores(), paid, new)
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
        assert kinds.count(Kind.PREPARING) == 1
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
    assert {stores.orders.head(one).status for one in others} == {OrderStatus.PREPARING}
    assert stores.orders.head(paid).status is OrderStatus.PAID


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
    assert {stores.orders.head(one).status for one in ids} == {OrderStatus.PAID}
    assert ship(process) == 5


def test_an_older_write_never_undoes_a_newer_one(
    stores: Stores, process: Process, paid: UUID, unsound: None
) -> None:
    ship(process)
    stores.deliveries.update(paid, ShipmentStatus.DELIVERED, ADDRESS, 5)
    stores.deliveries.update(paid, ShipmentStatus.IN_TRANSIT, ADDRESS, 4)
    assert shipment_status(stores, paid) is ShipmentStatus.DELIVERED
    stores.deliveries.update(paid, ShipmentStatus.RETURNED, ADDRESS, 6)
    assert shipment_status(stores, paid) is ShipmentStatus.RETURNED


def test_an_update_makes_no_shipment_where_there_is_none(stores: Stores) -> None:
    order_id = order(stores)
    stores.deliveries.update(order_id, ShipmentStatus.CANCELLED, ADDRESS, 2)
    assert not stores.deliveries.exists(order_id)


def test_the_promise_counts_working_days_only() -> None:
    assert estimate(date(2026, 11, 20)) == date(2026, 11, 25)  # a Friday
    assert estimate(date(2026, 11, 21)) == date(2026, 11, 25)
    assert estimate(date(2026, 11, 16)) == date(2026, 11, 19)


def _leases_end(stores: Stores) -> None:
    ids = [row.order_id for row in stores.orders.newest(100)]
    with stores.transaction():
        stores.orders.unclaim(ids)


def _die_before_aurora_knows(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(fulfilment, "_prepared", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            ship(process)
