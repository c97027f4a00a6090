"""What carriers report: recorded always, believed only forwards."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from factories import order, product
from together import at_once
from working import tell, work

from storefront.domain.deliveries import CarrierEvent, ShipmentStatus, moves_forward
from storefront.domain.errors import NotFound
from storefront.domain.ids import OrderNumber, tracking_code
from storefront.domain.orders import Kind, OrderStatus
from storefront.process import Process
from storefront.services import payments, tracking
from storefront.stores import Stores

S = ShipmentStatus


@pytest.fixture
def parcel(process: Process, stores: Stores) -> UUID:
    """A paid order whose shipment is written."""
    order_id = order(stores, product(stores, price=0))
    work(process)
    assert stores.orders.head(order_id).status is OrderStatus.PREPARING
    return order_id


def told(stores: Stores, order_id: UUID) -> str:
    delivery = stores.orders.head(order_id).delivery
    assert delivery is not None
    return str(delivery["status"])


def events(stores: Stores, order_id: UUID) -> list[str]:
    return [e.data["status"] for e in stores.orders.view(order_id).events if e.kind is Kind.CARRIER]


def test_a_parcel_goes_its_way_and_the_order_with_it(stores: Stores, parcel: UUID) -> None:
    seen = []
    for minutes, status in enumerate((S.IN_TRANSIT, S.IN_TRANSIT, S.OUT_FOR_DELIVERY, S.DELIVERED), 1):
        tell(stores, parcel, status, minutes=minutes)
        seen.append((stores.orders.head(parcel).status, told(stores, parcel)))
    assert seen == [
        (OrderStatus.SHIPPED, "in_transit"),
        (OrderStatus.SHIPPED, "in_transit"),
        (OrderStatus.SHIPPED, "out_for_delivery"),
        (OrderStatus.DELIVERED, "delivered"),
    ]


def test_delivered_at_once_skips_what_was_never_reported(stores: Stores, parcel: UUID) -> None:
    tell(stores, parcel, S.DELIVERED)
    assert stores.orders.head(parcel).status is OrderStatus.DELIVERED


def test_the_same_event_again_has_no_effect(stores: Stores, parcel: UUID) -> None:
    assert tell(stores, parcel, S.IN_TRANSIT, event_id="msg_1") is True
    version = stores.orders.head(parcel).delivery["version"]  # type: ignore[index]
    assert tell(stores, parcel, S.IN_TRANSIT, event_id="msg_1") is False
    assert tell(stores, parcel, S.DELIVERED, event_id="msg_1") is False
    assert stores.orders.head(parcel).delivery["version"] == version  # type: ignore[index]
    assert events(stores, parcel) == ["in_transit"]


def test_11_the_same_event_ten_times_at_once_has_one_effect(
    process: Process, stores: Stores, parcel: UUID
) -> None:
    done = at_once(*[lambda: tell(process.stores(), parcel, S.IN_TRANSIT, event_id="msg_1")] * 10)
    assert done.errors == []
    assert sorted(done.results) == [False] * 9 + [True]
    assert events(stores, parcel) == ["in_transit"]


def test_a_late_event_is_recorded_and_moves_nothing_back(stores: Stores, parcel: UUID) -> None:
    tell(stores, parcel, S.DELIVERED, minutes=30)
    at = stores.orders.head(parcel).delivery["timestamp"]  # type: ignore[index]
    tell(stores, parcel, S.OUT_FOR_DELIVERY, minutes=20)
    tell(stores, parcel, S.EXCEPTION, minutes=10)
    tell(stores, parcel, S.IN_TRANSIT, minutes=40)
    assert stores.orders.head(parcel).status is OrderStatus.DELIVERED
    assert told(stores, parcel) == "delivered"
    assert stores.orders.head(parcel).delivery["timestamp"] == at  # type: ignore[index]
    assert events(stores, parcel) == ["exception", "out_for_delivery", "delivered", "in_transit"]


def test_as_of_is_the_time_of_the_latest_report_and_never_goes_back(stores: Stores, parcel: UUID) -> None:
    tell(stores, parcel, S.IN_TRANSIT, minutes=30, place="Salem")
    before = stores.orders.head(parcel).delivery
    tell(stores, parcel, S.IN_TRANSIT, minutes=20, place="Eugene")
    after = stores.orders.head(parcel).delivery
    assert before is not None
    assert after is not None
    assert (after["timestamp"], after["place"]) == (before["timestamp"], "Salem")


def test_an_exception_comes_and_goes(stores: Stores, parcel: UUID) -> None:
    tell(stores, parcel, S.OUT_FOR_DELIVERY, minutes=1)
    tell(stores, parcel, S.EXCEPTION, minutes=2)
    assert told(stores, parcel) == "exception"
    assert stores.orders.head(parcel).status is OrderStatus.SHIPPED
    tell(stores, parcel, S.IN_TRANSIT, minutes=3)
    assert told(stores, parcel) == "in_transit", "a parcel may go back to the depot after a failed delivery"
    tell(stores, parcel, S.DELIVERED, minutes=4)
    assert told(stores, parcel) == "delivered"


def test_a_late_exception_does_not_undo_the_recovery(stores: Stores, parcel: UUID) -> None:
    tell(stores, parcel, S.OUT_FOR_DELIVERY, minutes=30)
    tell(stores, parcel, S.EXCEPTION, minutes=20)
    assert told(stores, parcel) == "out_for_delivery"


def test_a_late_step_does_not_end_an_exception(stores: Stores, parcel: UUID) -> None:
    tell(stores, parcel, S.OUT_FOR_DELIVERY, minutes=10)
    tell(stores, parcel, S.EXCEPTION, minutes=30)
    tell(stores, parcel, S.IN_TRANSIT, minutes=20)
    assert told(stores, parcel) == "exception"
    tell(stores, parcel, S.DELIVERED, minutes=25)
    assert told(stores, parcel) == "delivered", "delivered is delivered, whatever the scanner said later"


def test_a_carriers_slow_clock_does_not_keep_the_first_step_from_counting(
    stores: Stores, parcel: UUID
) -> None:
    tell(stores, parcel, S.IN_TRANSIT, minutes=-10)
    assert stores.orders.head(parcel).status is OrderStatus.SHIPPED


def test_returned_is_the_end(stores: Stores, parcel: UUID) -> None:
    tell(stores, parcel, S.DELIVERED, minutes=1)
    tell(stores, parcel, S.RETURNED, minutes=2)
    tell(stores, parcel, S.IN_TRANSIT, minutes=3)
    assert told(stores, parcel) == "returned"
    assert stores.orders.head(parcel).status is OrderStatus.DELIVERED


@pytest.mark.parametrize("before", list(S))
@pytest.mark.parametrize("after", [S.IN_TRANSIT, S.OUT_FOR_DELIVERY, S.DELIVERED, S.EXCEPTION, S.RETURNED])
def test_no_late_event_ever_moves_back(before: S, after: S) -> None:
    line = [S.PREPARING, S.IN_TRANSIT, S.OUT_FOR_DELIVERY, S.DELIVERED, S.RETURNED]
    if moves_forward(before, after, late=True) and before in line and after in line:
        assert line.index(after) > line.index(before)
    if before is S.CANCELLED:
        assert not moves_forward(before, after)


def test_an_event_for_a_refunded_order_is_recorded_flagged_and_moves_no_order(
    process: Process, stores: Stores, parcel: UUID
) -> None:
    payments.refund(stores, parcel, restock=True, by="operator")
    tell(stores, parcel, S.IN_TRANSIT, minutes=1)
    tell(stores, parcel, S.DELIVERED, minutes=2)
    view = stores.orders.view(parcel)
    assert view.status is OrderStatus.REFUNDED
    assert told(stores, parcel) == "cancelled"
    assert [e.data["reason"] for e in view.events if e.kind is Kind.FLAGGED] == ["moving_after_refund"]
    assert events(stores, parcel) == ["in_transit", "delivered"]


def carrier_event(code: str) -> CarrierEvent:
    return CarrierEvent("msg_x", code, S.IN_TRANSIT, datetime.now(UTC))


def test_a_code_that_is_none_of_ours_is_not_found(stores: Stores, parcel: UUID) -> None:
    good = stores.orders.head(parcel).delivery["tracking_code"]  # type: ignore[index]
    slipped = good[:-1] + ("0" if good[-1] != "0" else "1")
    for code in ("", "LF", slipped, good.lower(), tracking_code(OrderNumber("0000-0000"))):
        with pytest.raises(NotFound):
            tracking.record(stores, carrier_event(code))


def test_a_parcel_that_was_not_handed_over_yet_is_not_found(stores: Stores) -> None:
    order_id = order(stores)
    number = OrderNumber(stores.orders.head(order_id).number)
    with pytest.raises(NotFound):
        tracking.record(stores, carrier_event(tracking_code(number)))
    assert events(stores, order_id) == []


# --- what DynamoDB gets to know


def test_every_step_is_carried_over_to_dynamodb_once(process: Process, stores: Stores, parcel: UUID) -> None:
    for minutes, status in ((1, S.IN_TRANSIT), (3, S.DELIVERED), (2, S.OUT_FOR_DELIVERY)):
        tell(stores, parcel, status, minutes=minutes, event_id=f"msg_{minutes}", message=f"Step {minutes}")
    work(process, rounds=3)
    delivery = stores.deliveries.for_tracking(parcel)
    assert [(t.status, t.message, t.place) for t in delivery.tracking] == [
        (S.IN_TRANSIT, "Step 1", "Salem"),
        (S.OUT_FOR_DELIVERY, "Step 2", "Salem"),
        (S.DELIVERED, "Step 3", "Salem"),
    ]
    assert delivery.shipment is not None
    assert delivery.shipment.status is S.DELIVERED


def test_carrying_over_again_after_a_crash_changes_nothing(
    process: Process, stores: Stores, parcel: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    from storefront.services import fulfilment

    tell(stores, parcel, S.IN_TRANSIT, event_id="msg_1")
    kept = fulfilment._projected
    monkeypatch.setattr(fulfilment, "_projected", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        fulfilment.project(stores)
    first = stores.deliveries.for_tracking(parcel)
    monkeypatch.setattr(fulfilment, "_projected", kept)
    with stores.transaction():
        stores.orders.unclaim([parcel])
    work(process)
    assert stores.deliveries.for_tracking(parcel) == first
    assert stores.orders.head(parcel).delivery["projected"] is True  # type: ignore[index]


def test_what_comes_while_dynamodb_is_written_stays_due(
    process: Process, stores: Stores, parcel: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    from storefront.repositories.dynamodb.deliveries import Deliveries
    from storefront.services import fulfilment

    tell(stores, parcel, S.IN_TRANSIT, minutes=1)
    update = Deliveries.update

    def overtaken(self: Deliveries, *args: object) -> None:
        monkeypatch.setattr(Deliveries, "update", update)
        tell(process.stores(), parcel, S.DELIVERED, minutes=2)
        update(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Deliveries, "update", overtaken)
    fulfilment.project(stores)
    assert stores.orders.head(parcel).delivery["projected"] is False  # type: ignore[index]
    work(process)
    shipment = stores.deliveries.for_tracking(parcel).shipment
    assert shipment is not None
    assert shipment.status is S.DELIVERED
