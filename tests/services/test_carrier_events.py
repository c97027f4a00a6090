"""What carriers report: recorded always, believed only forwards."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from time import perf_counter
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from storefront.domain.deliveries import Delivery
from storefront.domain.orders import EventKind, OrderStatus
from storefront.domain.parcels import CARRIER_STATUSES, ParcelLine, ParcelStatus, ShipmentStatus
from storefront.domain.payments import RefundReason
from storefront.process import Process
from storefront.repositories.dynamodb.deliveries import Deliveries
from storefront.services import carrier_events, fulfilment
from storefront.services.carrier_events import Outcome
from storefront.services.payments import refunds
from storefront.stores import Stores
from tests.support.concurrency import at_once
from tests.support.factories import order, product
from tests.support.worker import event, pack, tell, work

S = ParcelStatus


@pytest.fixture
def parcel(process: Process, stores: Stores) -> UUID:
    """A paid order whose only parcel is booked."""
    order_id = prepared(process, stores)
    pack(stores, order_id)
    assert stores.orders.summary(order_id).status is OrderStatus.PREPARING
    return order_id


def told(stores: Stores, order_id: UUID) -> str:
    return delivery(stores, order_id).status


def delivery(stores: Stores, order_id: UUID) -> Delivery:
    found = stores.orders.summary(order_id).delivery
    assert found is not None
    return found


def events(stores: Stores, order_id: UUID) -> list[str]:
    return [str(e.data["status"]) for e in stores.orders.view(order_id).events if e.kind is EventKind.CARRIER]


def test_a_parcel_goes_its_way_and_the_order_with_it(stores: Stores, parcel: UUID) -> None:
    seen = []
    for minutes, status in enumerate((S.IN_TRANSIT, S.IN_TRANSIT, S.OUT_FOR_DELIVERY, S.DELIVERED), 1):
        tell(stores, parcel, status, minutes=minutes)
        seen.append((stores.orders.summary(parcel).status, told(stores, parcel)))
    assert seen == [
        (OrderStatus.SHIPPED, "in_transit"),
        (OrderStatus.SHIPPED, "in_transit"),
        (OrderStatus.SHIPPED, "out_for_delivery"),
        (OrderStatus.DELIVERED, "delivered"),
    ]


def test_delivered_at_once_skips_what_was_never_reported(stores: Stores, parcel: UUID) -> None:
    tell(stores, parcel, S.DELIVERED)
    assert stores.orders.summary(parcel).status is OrderStatus.DELIVERED


def test_the_same_event_again_has_no_effect(stores: Stores, parcel: UUID) -> None:
    assert tell(stores, parcel, S.IN_TRANSIT, event_id="msg_1") is True
    version = delivery(stores, parcel).version
    assert tell(stores, parcel, S.IN_TRANSIT, event_id="msg_1") is False
    assert tell(stores, parcel, S.DELIVERED, event_id="msg_1") is False
    assert delivery(stores, parcel).version == version
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
    at = delivery(stores, parcel).timestamp
    tell(stores, parcel, S.OUT_FOR_DELIVERY, minutes=20)
    tell(stores, parcel, S.EXCEPTION, minutes=10)
    tell(stores, parcel, S.IN_TRANSIT, minutes=40)
    assert stores.orders.summary(parcel).status is OrderStatus.DELIVERED
    assert told(stores, parcel) == "delivered"
    assert delivery(stores, parcel).timestamp == at
    assert events(stores, parcel) == ["exception", "out_for_delivery", "delivered", "in_transit"]


def test_as_of_is_the_time_of_the_latest_report_and_never_goes_back(stores: Stores, parcel: UUID) -> None:
    tell(stores, parcel, S.IN_TRANSIT, minutes=30, place="Salem")
    before = stores.orders.summary(parcel).delivery
    tell(stores, parcel, S.IN_TRANSIT, minutes=20, place="Eugene")
    after = stores.orders.summary(parcel).delivery
    assert before is not None
    assert after is not None
    assert (after.timestamp, after.place) == (before.timestamp, "Salem")


def test_an_exception_comes_and_goes(stores: Stores, parcel: UUID) -> None:
    tell(stores, parcel, S.OUT_FOR_DELIVERY, minutes=1)
    tell(stores, parcel, S.EXCEPTION, minutes=2)
    assert told(stores, parcel) == "exception"
    assert stores.orders.summary(parcel).status is OrderStatus.SHIPPED
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
    assert stores.orders.summary(parcel).status is OrderStatus.SHIPPED


def test_returned_is_the_end(stores: Stores, parcel: UUID) -> None:
    tell(stores, parcel, S.DELIVERED, minutes=1)
    tell(stores, parcel, S.RETURNED, minutes=2)
    tell(stores, parcel, S.IN_TRANSIT, minutes=3)
    assert told(stores, parcel) == "returned"
    assert stores.orders.summary(parcel).status is OrderStatus.DELIVERED


def test_an_event_for_a_refunded_order_is_recorded_flagged_and_moves_no_order(
    process: Process, stores: Stores, parcel: UUID
) -> None:
    refunds.refund(stores, parcel, restock=True, reason=RefundReason.OPERATOR)
    tell(stores, parcel, S.IN_TRANSIT, minutes=1)
    tell(stores, parcel, S.DELIVERED, minutes=2)
    view = stores.orders.view(parcel)
    assert view.status is OrderStatus.REFUNDED
    assert told(stores, parcel) == "cancelled"
    assert [e.data["reason"] for e in view.events if e.kind is EventKind.FLAGGED] == ["moving_after_refund"]
    assert events(stores, parcel) == ["in_transit", "delivered"]


# --- before the booking, and codes of several carriers


def test_34_events_before_the_booking_are_taken_in_by_it(process: Process, stores: Stores) -> None:
    order_id = prepared(process, stores)
    early = [event("JD 1", S.OUT_FOR_DELIVERY, carrier="DHL"), event("jd1", S.IN_TRANSIT, carrier="dhl")]
    assert [carrier_events.record(stores, one) for one in (*early, *early)] == [Outcome.KEPT] * 4
    pack(stores, order_id, carrier="Dhl", code="jD1")
    assert stores.parcels.of(order_id)[0].status is S.OUT_FOR_DELIVERY
    assert stores.orders.summary(order_id).status is OrderStatus.SHIPPED
    assert events(stores, order_id) == ["out_for_delivery", "in_transit"]
    assert [carrier_events.record(stores, one) for one in early] == [Outcome.REPEATED] * 2
    assert waiting(stores) == 0


def test_a_code_of_two_carriers_is_two_parcels(process: Process, stores: Stores) -> None:
    one, other = prepared(process, stores), prepared(process, stores)
    pack(stores, one, carrier="DHL", code="1Z")
    pack(stores, other, carrier="UPS", code="1z")

    def told(status: S, carrier: str) -> Outcome:
        return carrier_events.record(stores, event("1Z", status, carrier=carrier, event_id="msg_1"))

    assert told(S.DELIVERED, "ups") is Outcome.RECORDED
    assert stores.orders.summary(one).status is OrderStatus.PREPARING
    assert stores.orders.summary(other).status is OrderStatus.DELIVERED
    assert told(S.IN_TRANSIT, "DHL") is Outcome.RECORDED
    assert stores.orders.summary(one).status is OrderStatus.SHIPPED
    # Without its carrier nobody can tell whose it is.
    assert told(S.LOST, "") is Outcome.KEPT
    assert told(S.LOST, "GLS") is Outcome.KEPT
    assert waiting(stores) == 2


def test_two_parcels_of_an_order_may_have_events_of_the_same_id_and_moment(
    process: Process, stores: Stores
) -> None:
    order_id = prepared(process, stores, qty=2)
    (line,) = stores.orders.lines(stores.orders.summary(order_id).cart_id)
    now = stores.orders.now()
    for code in ("A", "B"):
        pack(stores, order_id, ParcelLine(line.sku, 1), carrier="DHL", code=code)
        carrier_events.record(stores, event(code, S.IN_TRANSIT, now, event_id="msg_1"))
    work(process)
    assert len(stores.deliveries.for_tracking(order_id).tracking) == 2


def test_a_booking_and_its_events_at_once_lose_nothing(process: Process, stores: Stores) -> None:
    order_ids = [prepared(process, stores) for _ in range(6)]

    def told(code: str, status: S) -> object:
        return carrier_events.record(process.stores(), event(code, status))

    def book(order_id: UUID) -> object:
        return pack(process.stores(), order_id, code=order_id.hex)

    for order_id in order_ids:
        done = at_once(
            partial(told, order_id.hex, S.IN_TRANSIT),
            partial(book, order_id),
            partial(told, order_id.hex, S.OUT_FOR_DELIVERY),
        )
        assert done.errors == []
        assert sorted(events(stores, order_id)) == ["in_transit", "out_for_delivery"]
    assert waiting(stores) == 0


def test_the_inbox_is_told_of_after_a_day_and_empty_after_thirty(
    stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    carrier_events.record(stores, event("X 1", S.IN_TRANSIT, carrier="DHL"))
    assert carrier_events.tend_inbox(stores) == 0
    age_inbox(stores, days=1.1)
    with stores.transaction():
        assert stores.carrier_inbox.unbooked(timedelta(days=1), 10) == [("dhl", "x1")]
    with stores.transaction():
        assert stores.carrier_inbox.unbooked(timedelta(days=1), 10) == [], "each is told once"
    age_inbox(stores, days=30)
    assert carrier_events.tend_inbox(stores) == 1
    assert waiting(stores) == 0


def prepared(process: Process, stores: Stores, qty: int = 1) -> UUID:
    order_id = order(stores, product(stores, price=0), qty=qty)
    work(process)
    return order_id


def waiting(stores: Stores) -> int:
    with stores.transaction():
        return int(stores.db.session.execute(text("SELECT count(*) FROM carrier_inbox")).scalar_one())


def age_inbox(stores: Stores, days: float) -> None:
    with stores.transaction():
        stores.db.session.execute(
            text("UPDATE carrier_inbox SET received_at = received_at - make_interval(secs => :s)"),
            {"s": days * 86400},
        )


# --- whatever the order

STEPS = st.lists(
    st.tuples(st.sampled_from(sorted(CARRIER_STATUSES)), st.sampled_from([1, 2, 3, 1500, 1501, 3000])),
    min_size=1,
    max_size=6,
)


@given(steps=STEPS, data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_order_of_events_and_bookings_the_page_ends_the_same(
    process: Process, stores: Stores, steps: list[tuple[ParcelStatus, int]], data: st.DataObject
) -> None:
    """Repeated, late, before the booking, and for two parcels: all that a page shows is compared."""
    sku = product(stores, price=0, quantity=99)
    begun = stores.orders.now()
    order_ids = [order(stores, sku, qty=2) for _ in range(2)]
    fulfilment.write_shipments(stores)
    shown: list[object] = []
    for order_id in order_ids:
        codes = {name: f"{name}-{order_id}" for name in "AB"}
        acts = [("book", name) for name in "AB"] + [(n, name) for n in range(len(steps)) for name in "AB"]
        mixed = data.draw(st.permutations(acts)) if shown else acts
        again = data.draw(st.lists(st.sampled_from(acts), max_size=4)) if shown else []
        for act, name in (*mixed, *again):
            if act == "book":
                pack(stores, order_id, ParcelLine(sku, 1), carrier="DHL", code=codes[name])
            else:
                status, minutes = steps[int(act)]
                at = begun + timedelta(minutes=minutes)
                carrier_events.record(
                    stores, event(codes[name], status, at, event_id=f"msg_{act}", carrier="dhl")
                )
        fulfilment.project(stores)
        shown.append(page(stores, order_id, codes))
    assert shown[0] == shown[1]


def page(stores: Stores, order_id: UUID, codes: dict[str, str]) -> object:
    told = stores.deliveries.for_tracking(order_id)
    assert told.shipment is not None
    parcels = {
        name: (p.status, p.place, p.message, p.estimated_delivery, p.settled, p.at)
        for name, code in codes.items()
        for p in told.shipment.parcels
        if p.tracking_code == code
    }
    steps = sorted((t.timestamp, t.status, t.place, t.message) for t in told.tracking)
    return stores.orders.summary(order_id).status, told.shipment.status, parcels, steps


@pytest.mark.prove
def test_ten_thousand_events_in_a_burst_cost_the_last_no_more_than_the_first(
    stores: Stores, parcel: UUID
) -> None:
    code = stores.parcels.of(parcel)[0].tracking_code
    begun = stores.orders.now()

    def burst(numbers: range) -> float:
        started = perf_counter()
        for n in numbers:
            carrier_events.record(
                stores, event(code, S.IN_TRANSIT, begun - timedelta(seconds=n), event_id=str(n))
            )
        return perf_counter() - started

    first = burst(range(500))
    burst(range(500, 9500))
    assert burst(range(9500, 10_000)) < 3 * first + 1
    assert len(stores.orders.view(parcel).events) < 100, "a page shows the newest"
    while fulfilment.project(stores):
        pass
    assert len(stores.deliveries.for_tracking(parcel).tracking) == 50


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
    assert delivery.shipment.status is ShipmentStatus.DELIVERED


def test_carrying_over_again_after_a_crash_changes_nothing(
    process: Process, stores: Stores, parcel: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(stores, parcel, S.IN_TRANSIT, event_id="msg_1")
    kept = fulfilment._projected
    monkeypatch.setattr(fulfilment, "_projected", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        fulfilment.project(stores)
    first = stores.deliveries.for_tracking(parcel)
    monkeypatch.setattr(fulfilment, "_projected", kept)
    with stores.transaction():
        stores.order_queues.release([parcel])
    work(process)
    assert stores.deliveries.for_tracking(parcel) == first
    assert delivery(stores, parcel).projected is True


def test_what_comes_while_dynamodb_is_written_stays_due(
    process: Process, stores: Stores, parcel: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(stores, parcel, S.IN_TRANSIT, minutes=1)
    update = Deliveries.update

    def overtaken(self: Deliveries, *args: object) -> None:
        monkeypatch.setattr(Deliveries, "update", update)
        tell(process.stores(), parcel, S.DELIVERED, minutes=2)
        update(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Deliveries, "update", overtaken)
    fulfilment.project(stores)
    assert delivery(stores, parcel).projected is False
    work(process)
    shipment = stores.deliveries.for_tracking(parcel).shipment
    assert shipment is not None
    assert shipment.status is ShipmentStatus.DELIVERED
