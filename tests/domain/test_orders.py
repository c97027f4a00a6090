"""The states of orders and payments: the table of moves, and nothing beside it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import product
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from storefront.domain.delivery_calendar import DeliveryCalendar
from storefront.domain.errors import HoldLapsed, IllegalTransition
from storefront.domain.orders import Order, OrderStatus
from storefront.domain.packing import Packing
from storefront.domain.parcels import Ordered, Parcel, ParcelLine, ParcelStatus, Report, ShipmentStatus
from storefront.domain.payments import Payment, PaymentStatus
from tests.support.factories import ADDRESS

PLACED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOLD = timedelta(minutes=15)

# Written out a second time, so that a change of the table is a decision and no slip.
ORDER_MOVES = {
    ("pending", "paid"),
    ("pending", "expired"),
    ("pending", "cancelled"),
    ("pending", "refunded"),
    ("expired", "paid"),
    ("expired", "refunded"),
    ("cancelled", "refunded"),
    ("paid", "preparing"),
    ("paid", "refunded"),
    ("preparing", "shipped"),
    ("preparing", "delivered"),
    ("preparing", "refunded"),
    ("shipped", "delivered"),
    ("shipped", "refunded"),
    ("delivered", "refunded"),
}
PAYMENT_MOVES = {
    ("pending", "failed"),
    ("failed", "pending"),
    ("pending", "captured"),
    ("failed", "captured"),
    ("pending", "refunding"),
    ("failed", "refunding"),
    ("captured", "refunding"),
    ("refunding", "refunded"),
}


def an_order(status: OrderStatus = OrderStatus.PENDING) -> Order:
    return Order(
        order_id=uuid4(),
        user_id=uuid4(),
        cart_id=uuid4(),
        status=status,
        total_cents=1200,
        address=ADDRESS,
        created_at=PLACED,
        expires_at=PLACED + HOLD,
        number="7K3M-Q9TX",
        email="ada@example.com",
    )


@pytest.mark.parametrize(("before", "after"), list(product(OrderStatus, OrderStatus)))
def test_an_order_moves_along_the_table_only(before: OrderStatus, after: OrderStatus) -> None:
    order = an_order(before)
    if (before, after) in ORDER_MOVES:
        order.move(after)
        assert order.status is after
    else:
        with pytest.raises(IllegalTransition):
            order.move(after)
        assert order.status is before


@pytest.mark.parametrize(("before", "after"), list(product(PaymentStatus, PaymentStatus)))
def test_a_payment_moves_along_the_table_only(before: PaymentStatus, after: PaymentStatus) -> None:
    payment = Payment(payment_id=uuid4(), order_id=uuid4(), status=before, provider="stripe")
    if (before, after) in PAYMENT_MOVES:
        payment.move(after)
        assert payment.status is after
    else:
        with pytest.raises(IllegalTransition):
            payment.move(after)
        assert payment.status is before


def test_a_hold_is_extended_by_its_own_length_once() -> None:
    order = an_order()
    order.extend(PLACED + timedelta(minutes=14))
    assert order.expires_at == PLACED + 2 * HOLD
    assert order.hold == HOLD
    with pytest.raises(HoldLapsed):
        order.extend(PLACED + timedelta(minutes=16))
    assert order.expires_at == PLACED + 2 * HOLD


def test_a_hold_that_is_over_is_not_extended_in_its_last_instant() -> None:
    order = an_order()
    with pytest.raises(HoldLapsed):
        order.extend(PLACED + HOLD)
    assert (order.expires_at, order.extended_at) == (PLACED + HOLD, None)


@pytest.mark.parametrize("status", [one for one in OrderStatus if one is not OrderStatus.PENDING])
def test_only_a_pending_order_is_extended(status: OrderStatus) -> None:
    with pytest.raises(HoldLapsed):
        an_order(status).extend(PLACED)


def test_the_day_promised_is_that_of_the_payment_and_stays() -> None:
    order = an_order()
    calendar = DeliveryCalendar(UTC, "US", 14, working_days={"US": 1}, default=None)
    paid_at = datetime(2026, 11, 16, 15, tzinfo=UTC)
    order.pay(paid_at, calendar)
    assert (order.status, order.promised_on) == (OrderStatus.PAID, date(2026, 11, 18))
    order.prepare(paid_at, DeliveryCalendar(UTC), projected=True)
    assert order.promised(DeliveryCalendar(UTC)) == date(2026, 11, 18)
    assert order.delivery is not None
    assert order.delivery.estimated == date(2026, 11, 18)


def prepared() -> Order:
    order = an_order(OrderStatus.PAID)
    order.claimed_until = PLACED
    order.prepare(PLACED, DeliveryCalendar(UTC), projected=True)
    return order


def packed(*statuses: ParcelStatus) -> Packing:
    """One unit in one parcel that was reported of like this, minute by minute."""
    parcel = Parcel(uuid4(), "DHL", "X", (ParcelLine("A", 1),), PLACED)
    for minutes, status in enumerate(statuses, 1):
        at = PLACED + timedelta(minutes=minutes)
        parcel = parcel.reported(Report(f"msg_{minutes}", status, at, "Salem"), UTC)
    return Packing((Ordered("A", 1),), (parcel,))


def test_a_paid_order_is_prepared_with_its_first_delivery() -> None:
    order = prepared()
    assert (order.status, order.claimed_until) == (OrderStatus.PREPARING, None)
    assert order.delivery is not None
    assert (order.delivery.status, order.delivery.version) == (ShipmentStatus.PREPARING, 1)
    assert order.delivery.projected
    with pytest.raises(IllegalTransition):
        an_order().prepare(PLACED, DeliveryCalendar(UTC), projected=True)


def test_an_order_follows_its_parcels_and_tells_dynamodb_each_time() -> None:
    order = prepared()
    seen = []
    steps = (ParcelStatus.EXCEPTION, ParcelStatus.IN_TRANSIT, ParcelStatus.DELIVERED)
    for some in range(len(steps) + 1):
        order.follow(packed(*steps[:some]), PLACED, DeliveryCalendar(UTC))
        seen.append(order.status)
    assert seen == [
        OrderStatus.PREPARING,
        OrderStatus.PREPARING,
        OrderStatus.SHIPPED,
        OrderStatus.DELIVERED,
    ]
    assert order.delivery is not None
    assert (order.delivery.version, order.delivery.projected, order.delivery.place) == (5, False, "Salem")
    assert order.delivery.timestamp == PLACED + timedelta(minutes=3)


def test_a_refunded_order_moves_no_more_whatever_its_parcel_does() -> None:
    order = prepared()
    order.move(OrderStatus.REFUNDED)
    order.follow(packed(ParcelStatus.DELIVERED), PLACED, DeliveryCalendar(UTC))
    assert order.status is OrderStatus.REFUNDED


def test_a_shipment_withdrawn_before_it_was_written_has_a_day_of_the_shops_calendar() -> None:
    order = an_order(OrderStatus.REFUNDED)
    order.created_at = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
    order.withdraw(PLACED, DeliveryCalendar(ZoneInfo("Europe/Berlin")))
    assert order.delivery is not None
    assert order.delivery.estimated == date(2026, 3, 6)
    assert (order.delivery.status, order.delivery.projected) == (ShipmentStatus.CANCELLED, False)


def test_an_order_without_a_delivery_has_nothing_to_tell_again() -> None:
    order = an_order()
    order.redeliver()
    assert order.delivery is None
