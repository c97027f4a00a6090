"""A promise is made once, when an order is paid, and counted once, when it is there."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

import pytest

from storefront.domain.delivery_calendar import DeliveryCalendar
from storefront.domain.errors import Invalid
from storefront.domain.parcels import ParcelStatus
from storefront.process import Process
from storefront.services import carts, figures, fulfilment, order_address
from storefront.services.checkout import place
from storefront.stores import Stores
from tests.support.database import plant
from tests.support.factories import ADDRESS, HOLD, lapse, order, placement, product, shopper
from tests.support.till import capture
from tests.support.worker import tell


def promised(stores: Stores, order_id: UUID) -> date | None:
    return stores.orders.summary(order_id).promised_on


def delivered(stores: Stores, days_late: int) -> UUID:
    """An order that is there so many days after the promised one."""
    order_id = capture(stores, order(stores))
    fulfilment.write_shipments(stores)
    plant(
        stores,
        "UPDATE orders SET promised_on = (now() AT TIME ZONE 'UTC')::date - :late WHERE order_id = :id",
        late=days_late,
        id=order_id,
    )
    tell(stores, order_id, ParcelStatus.DELIVERED, minutes=0, event_id=f"msg_{order_id}")
    return order_id


def test_the_day_is_counted_from_the_payment_and_not_from_the_order(stores: Stores) -> None:
    order_id = order(stores)
    assert promised(stores, order_id) is None
    plant(
        stores,
        "UPDATE orders SET created_at = created_at - interval '9 days' WHERE order_id = :id",
        id=order_id,
    )
    before = stores.orders.now()
    capture(stores, order_id)
    assert promised(stores, order_id) in {
        stores.calendar.promise(at, "US") for at in (before, stores.orders.now())
    }


def test_a_free_order_and_one_paid_late_are_promised_a_day_too(process: Process, stores: Stores) -> None:
    assert promised(stores, order(stores, product(stores, price=0))) is not None
    late = order(stores)
    lapse(stores, late)
    assert promised(stores, capture(stores, late)) is not None


def test_a_promise_stays_whatever_the_shop_says_later(stores: Stores) -> None:
    order_id = capture(stores, order(stores))
    before = promised(stores, order_id)
    stores.calendar = DeliveryCalendar(stores.calendar.zone, "US", working_days={"US": 60}, default=None)
    fulfilment.write_shipments(stores)
    view = stores.orders.summary(order_id)
    assert view.promised_on == before
    assert view.estimated(stores.calendar) == before


def test_nothing_is_placed_or_redirected_to_a_country_that_is_not_served(stores: Stores) -> None:
    placed = order(stores)
    stores.calendar = DeliveryCalendar(stores.calendar.zone, "DE", working_days={"DE": 1}, default=None)
    user_id = shopper()
    carts.add(stores, user_id, product(stores), 1)
    with pytest.raises(Invalid) as refused:
        place(stores, placement(stores, user_id), HOLD)
    assert list(refused.value.errors) == ["country"]
    assert stores.orders.newest(9, user_id) == []
    with pytest.raises(Invalid):
        order_address.correct(stores, placed, ADDRESS)
    # What was paid for must go out all the same.
    assert promised(stores, capture(stores, placed)) is not None


def test_kept_and_broken_promises_are_counted_once_by_their_week(stores: Stores) -> None:
    today = stores.orders.now().date()
    kept = [delivered(stores, -1), delivered(stores, 0)]
    broken = delivered(stores, 1)
    for order_id in (*kept, broken):
        tell(stores, order_id, ParcelStatus.DELIVERED, minutes=1)
    assert stores.promises.totals() == (2, 1)
    (figure,) = [one for one in figures.read(stores) if one.name == "storefront_promises"]
    assert figure.values == {"kept": 2.0, "broken": 1.0}
    weeks = stores.promises.by_week(today)
    assert sum(week.kept for week in weeks) == 2
    assert all(week.monday.weekday() == 0 for week in weeks)


def test_a_week_tells_what_is_still_to_come_and_what_is_late_already(stores: Stores) -> None:
    today = stores.orders.now().date()
    for days in (-8, 8):
        order_id = capture(stores, order(stores))
        plant(
            stores,
            "UPDATE orders SET promised_on = :day WHERE order_id = :id",
            day=today + timedelta(days=days),
            id=order_id,
        )
    order(stores)
    first, last = stores.promises.by_week(today)
    assert (first.coming, first.late) == (0, 1)
    assert (last.coming, last.late) == (1, 0)
