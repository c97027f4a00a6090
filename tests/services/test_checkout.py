"""Placing an order: all of a cart or nothing, once, at the prices that were seen."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from storefront.config import Settings
from storefront.domain.errors import (
    CheckoutChanged,
    Conflict,
    Invalid,
    NotFound,
    StoreUnavailable,
    TooManyHolds,
)
from storefront.domain.money import MAX_CENTS
from storefront.domain.orders import EventKind, OrderStatus
from storefront.domain.payments import PaymentStatus, Provider
from storefront.process import Process
from storefront.repositories.aurora.carts import Carts
from storefront.repositories.aurora.orders import Orders
from storefront.repositories.aurora.prepared import Parameters, Prepared
from storefront.services import carts, holds
from storefront.services.checkout import Placement, place
from storefront.stores import Stores
from tests.support.concurrency import at_once, wait_until
from tests.support.database import count, somebody_waits, sql
from tests.support.factories import ADDRESS, HOLD, lapse, order, placement, product, shopper
from tests.support.till import capture


def nothing_happened(stores: Stores, *skus: str) -> None:
    assert count(stores, "orders") == 0
    assert count(stores, "order_events") == 0
    assert [stores.stock.level(sku).reserved for sku in skus] == [0 for _ in skus]


# --- what placing does


def test_placing_reserves_closes_the_cart_and_writes_order_payment_and_event(stores: Stores) -> None:
    user_id, sku = shopper(), product(stores, price=1200, quantity=10)
    carts.add(stores, user_id, sku, 3)
    order_id = place(stores, placement(stores, user_id), timedelta(minutes=7))
    view = stores.orders.view(order_id)
    assert (view.status, view.payment_status, view.provider) == (
        OrderStatus.PENDING,
        PaymentStatus.PENDING,
        Provider.STRIPE,
    )
    assert view.total_cents == 3600
    assert [(line.sku, line.qty, line.price_cents) for line in view.lines] == [(sku, 3, 1200)]
    assert view.expires_at - view.created_at == timedelta(minutes=7)
    assert [event.kind for event in view.events] == [EventKind.PLACED]
    assert (stores.stock.level(sku).quantity, stores.stock.level(sku).reserved) == (10, 3)
    assert stores.carts.active(user_id).cart_id is None
    assert view.address == ADDRESS


def test_one_short_line_of_two_places_nothing_and_reserves_nothing(stores: Stores) -> None:
    user_id = shopper()
    plenty, scarce = product(stores, "A", quantity=10), product(stores, "B", quantity=1)
    carts.add(stores, user_id, plenty, 1)
    carts.add(stores, user_id, scarce, 2)
    with pytest.raises(CheckoutChanged) as caught:
        place(stores, placement(stores, user_id), HOLD)
    assert [(d.sku, d.wanted, d.available) for d in caught.value.differences] == [(scarce, 2, 1)]
    nothing_happened(stores, plenty, scarce)
    assert stores.carts.active(user_id).count == 3


def test_a_shortage_that_appears_after_the_look_is_found_under_the_lock(
    process: Process, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading the lines and locking the stock somebody else takes the last unit."""
    user_id, first, sku = shopper(), product(stores, "A"), product(stores, "B", quantity=1)
    for one in (first, sku):
        carts.add(stores, user_id, one, 1)
    reserve = Orders.reserve

    def overtaken(self: Orders, cart_id: UUID) -> bool:
        monkeypatch.setattr(Orders, "reserve", reserve)
        order(process.stores(), sku)
        return reserve(self, cart_id)

    monkeypatch.setattr(Orders, "reserve", overtaken)
    with pytest.raises(CheckoutChanged) as caught:
        place(stores, placement(stores, user_id), HOLD)
    assert [(d.sku, d.available) for d in caught.value.differences] == [(sku, 0)]
    assert stores.stock.level(first).reserved == 0
    assert count(stores, "orders") == 1


def test_names_and_prices_are_frozen_when_the_order_is_placed(stores: Stores) -> None:
    sku = product(stores, price=1200, name="Blue jug")
    order_id = order(stores, sku, qty=2)
    sql(stores, "UPDATE products SET price_cents = 9900, name = 'Red jug', listed = false")
    view = stores.orders.view(order_id)
    assert [(line.name, line.price_cents) for line in view.lines] == [("Blue jug", 1200)]
    assert view.total_cents == 2400


def test_the_frozen_price_is_the_one_confirmed_not_the_one_when_it_was_added(stores: Stores) -> None:
    user_id, sku = shopper(), product(stores, price=1200)
    carts.add(stores, user_id, sku, 1)
    sql(stores, "UPDATE products SET price_cents = 1500")
    order_id = place(stores, placement(stores, user_id), HOLD)
    assert stores.orders.view(order_id).lines[0].price_cents == 1500
    assert stores.orders.summary(order_id).total_cents == 1500


# --- what is no longer as it was seen


def test_a_price_that_changed_after_the_page_was_shown_is_never_charged(stores: Stores) -> None:
    user_id, sku = shopper(), product(stores, price=1200)
    carts.add(stores, user_id, sku, 1)
    confirmed = placement(stores, user_id)
    sql(stores, "UPDATE products SET price_cents = 900")
    with pytest.raises(CheckoutChanged) as caught:
        place(stores, confirmed, HOLD)
    assert [(d.sku, d.price_seen, d.price_now) for d in caught.value.differences] == [(sku, 1200, 900)]
    nothing_happened(stores, sku)


def test_a_quantity_changed_in_another_tab_places_nothing(stores: Stores) -> None:
    user_id, sku = shopper(), product(stores)
    carts.add(stores, user_id, sku, 1)
    confirmed = placement(stores, user_id)
    carts.change(stores, user_id, sku, 2)
    with pytest.raises(CheckoutChanged):
        place(stores, confirmed, HOLD)
    nothing_happened(stores, sku)


def test_a_line_added_in_another_tab_places_nothing(stores: Stores) -> None:
    user_id, sku, other = shopper(), product(stores), product(stores)
    carts.add(stores, user_id, sku, 1)
    confirmed = placement(stores, user_id)
    carts.add(stores, user_id, other, 1)
    with pytest.raises(CheckoutChanged):
        place(stores, confirmed, HOLD)
    nothing_happened(stores, sku, other)


def test_a_product_taken_off_sale_places_nothing_and_is_named(stores: Stores) -> None:
    user_id, sku = shopper(), product(stores)
    carts.add(stores, user_id, sku, 1)
    confirmed = placement(stores, user_id)
    sql(stores, "UPDATE products SET listed = false")
    with pytest.raises(CheckoutChanged) as caught:
        place(stores, confirmed, HOLD)
    assert [(d.sku, d.listed, d.available) for d in caught.value.differences] == [(sku, False, 0)]
    nothing_happened(stores, sku)


@pytest.mark.parametrize("seen", ["", "0" * 32, "x\x00", "é" * 400])
def test_a_digest_that_was_never_shown_places_nothing(stores: Stores, seen: str) -> None:
    user_id, sku = shopper(), product(stores)
    carts.add(stores, user_id, sku, 1)
    real = placement(stores, user_id)
    with pytest.raises(CheckoutChanged):
        place(stores, Placement(user_id, real.cart_id, seen, real.email, ADDRESS), HOLD)
    nothing_happened(stores, sku)


# --- totals


def test_a_total_of_nothing_is_paid_at_once_without_stripe(stores: Stores) -> None:
    sku = product(stores, price=0, quantity=5)
    order_id = order(stores, sku, qty=2)
    view = stores.orders.view(order_id)
    assert (view.status, view.payment_status, view.provider) == (
        OrderStatus.PAID,
        PaymentStatus.CAPTURED,
        Provider.NONE,
    )
    assert (stores.stock.level(sku).quantity, stores.stock.level(sku).reserved) == (3, 0)
    assert {event.kind for event in view.events} == {EventKind.PLACED, EventKind.PAID}


@pytest.mark.parametrize("price", [1, 49])
def test_a_total_below_what_stripe_takes_is_refused(stores: Stores, price: int) -> None:
    user_id, sku = shopper(), product(stores, price=price)
    carts.add(stores, user_id, sku, 1)
    with pytest.raises(Invalid, match="too small"):
        place(stores, placement(stores, user_id), HOLD)
    nothing_happened(stores, sku)


def test_fifty_cents_can_be_paid(stores: Stores) -> None:
    assert stores.orders.summary(order(stores, product(stores, price=50))).total_cents == 50


def test_the_largest_total_can_be_paid_and_one_cent_more_not(stores: Stores) -> None:
    assert stores.orders.summary(order(stores, product(stores, price=MAX_CENTS))).total_cents == 99_999_999
    user_id, other = shopper(), product(stores, price=50_000_000)
    carts.add(stores, user_id, other, 2)
    with pytest.raises(Invalid, match="too large"):
        place(stores, placement(stores, user_id), HOLD)
    assert stores.stock.level(other).reserved == 0


# --- whose cart


def test_a_cart_without_lines_is_no_order(stores: Stores) -> None:
    user_id, sku = shopper(), product(stores)
    carts.add(stores, user_id, sku, 1)
    confirmed = placement(stores, user_id)
    carts.change(stores, user_id, sku, 0)
    with pytest.raises(Invalid):
        place(stores, confirmed, HOLD)


def test_somebody_elses_cart_is_not_found(stores: Stores) -> None:
    owner, thief, sku = shopper(), shopper(), product(stores)
    carts.add(stores, owner, sku, 1)
    theirs = placement(stores, owner)
    stolen = Placement(thief, theirs.cart_id, theirs.seen, "thief@example.com", ADDRESS)
    with pytest.raises(NotFound):
        place(stores, stolen, HOLD)
    nothing_happened(stores, sku)
    place(stores, theirs, HOLD)
    with pytest.raises(NotFound):
        place(stores, stolen, HOLD)


def test_a_cart_that_never_was_is_not_found(stores: Stores) -> None:
    with pytest.raises(NotFound):
        place(stores, Placement(shopper(), uuid4(), "", "a@example.com", ADDRESS), HOLD)


def test_a_closed_cart_without_an_order_is_a_conflict(stores: Stores) -> None:
    user_id, sku = shopper(), product(stores)
    carts.add(stores, user_id, sku, 1)
    confirmed = placement(stores, user_id)
    sql(stores, "UPDATE carts SET closed_at = now()")
    with pytest.raises(Conflict):
        place(stores, confirmed, HOLD)
    nothing_happened(stores, sku)


# --- twice


def test_the_same_submit_again_is_answered_with_the_same_order(stores: Stores) -> None:
    user_id, sku = shopper(), product(stores)
    carts.add(stores, user_id, sku, 2)
    confirmed = placement(stores, user_id)
    first = place(stores, confirmed, HOLD)
    assert place(stores, confirmed, HOLD) == first
    # Even with a form of another day: the cart is the key.
    assert (
        place(stores, Placement(user_id, confirmed.cart_id, "old", "b@example.com", ADDRESS), HOLD) == first
    )
    assert stores.stock.level(sku).reserved == 2


def test_the_same_submit_after_the_order_ended_does_not_order_again(stores: Stores) -> None:
    user_id, sku = shopper(), product(stores)
    carts.add(stores, user_id, sku, 2)
    confirmed = placement(stores, user_id)
    order_id = place(stores, confirmed, HOLD)
    lapse(stores, order_id)
    holds._expire(stores, [order_id])
    assert place(stores, confirmed, HOLD) == order_id
    assert stores.stock.level(sku).reserved == 0


def test_twenty_submits_at_once_are_one_order(wide: Process, stores: Stores) -> None:
    user_id, sku = shopper(), product(stores, quantity=100)
    carts.add(stores, user_id, sku, 2)
    confirmed = placement(stores, user_id)
    done = at_once(*[lambda: place(wide.stores(), confirmed, HOLD)] * 20)
    assert done.errors == []
    assert len(set(done.results)) == 1
    assert count(stores, "orders") == 1
    assert stores.stock.level(sku).reserved == 2


# --- holds


def test_a_fourth_live_hold_is_refused_until_one_has_ended(stores: Stores) -> None:
    user_id, sku = shopper(), product(stores, quantity=100)
    first = order(stores, sku, user_id=user_id)
    for _ in range(2):
        order(stores, sku, user_id=user_id)
    with pytest.raises(TooManyHolds):
        order(stores, sku, user_id=user_id)
    assert stores.stock.level(sku).reserved == 3
    assert stores.carts.active(user_id).count == 1, "what was refused stays in the cart"
    lapse(stores, first)
    holds._expire(stores, [first])
    place(stores, placement(stores, user_id), HOLD)


def test_ten_carts_of_one_shopper_at_once_make_three_holds(
    wide: Process, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shopper has one open cart at a time, so these ten are closed ones that pass for open."""
    user_id, sku = shopper(), product(stores, quantity=100)
    confirmed = []
    for _ in range(10):
        carts.add(stores, user_id, sku, 1)
        confirmed.append(placement(stores, user_id))
        sql(stores, "UPDATE carts SET closed_at = now()")
    monkeypatch.setattr(Carts, "lock_open", lambda *_: True)
    done = at_once(*[lambda one=one: place(wide.stores(), one, HOLD) for one in confirmed])
    assert len(done.results) == 3
    assert done.kinds() == {TooManyHolds}
    assert stores.stock.level(sku).reserved == 3


def test_a_refused_hold_says_until_when(stores: Stores) -> None:
    user_id, sku = shopper(), product(stores, quantity=100)
    for _ in range(3):
        order(stores, sku, user_id=user_id, hold=timedelta(minutes=2))
    with pytest.raises(TooManyHolds) as refused:
        order(stores, sku, user_id=user_id)
    assert 60 < refused.value.retry_after <= 120
    assert "2 minutes" in str(refused.value)


def from_one_address(stores: Stores, sku: str, placed_from: str = "somewhere") -> Placement:
    user_id = shopper()
    carts.add(stores, user_id, sku, 1)
    return replace(placement(stores, user_id), placed_from=placed_from)


def test_an_address_holds_so_many_unpaid_orders_and_pays_for_as_many_as_it_likes(stores: Stores) -> None:
    sku = product(stores, quantity=100)
    held = [place(stores, from_one_address(stores, sku), HOLD, per_address=3) for _ in range(3)]
    refused = from_one_address(stores, sku)
    with pytest.raises(TooManyHolds):
        place(stores, refused, HOLD, per_address=3)
    place(stores, from_one_address(stores, sku, "elsewhere"), HOLD, per_address=3)
    place(stores, from_one_address(stores, sku), HOLD, per_address=0)
    capture(stores, held[0])
    lapse(stores, held[1])
    holds._expire(stores, [held[1]])
    place(stores, refused, HOLD, per_address=3)
    assert sql(
        stores, "SELECT count(*) FROM orders WHERE placed_from IS NOT NULL AND status <> 'pending'"
    ) == [(0,)], "where an order came from is forgotten when its hold ends"


@pytest.mark.parametrize("guarded", [True, False])
def test_an_address_at_once_holds_no_more_than_it_may(
    wide: Process, stores: Stores, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    """Without the lock they all see room: the test can tell."""
    sku = product(stores, quantity=100)
    confirmed = [from_one_address(stores, sku) for _ in range(10)]
    count_holds = Orders._live_holds

    def slowly(self: Orders, statement: Prepared, of: Parameters) -> object:
        counted = count_holds(self, statement, of)
        time.sleep(0.05)
        return counted

    monkeypatch.setattr(Orders, "_live_holds", slowly)
    if not guarded:
        monkeypatch.setattr(Orders, "_in_turn", lambda *_: None)
    done = at_once(*[lambda one=one: place(wide.stores(), one, HOLD, per_address=4) for one in confirmed])
    if guarded:
        assert len(done.results) == 4
        assert done.kinds() == {TooManyHolds}
        assert stores.stock.level(sku).reserved == 4
    else:
        assert len(done.results) > 4


def test_what_is_added_while_the_cart_is_being_ordered_goes_into_the_next_cart(
    process: Process, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The add waits for the placement's lock and then finds its cart closed."""
    user_id, sku, other = shopper(), product(stores), product(stores)
    carts.add(stores, user_id, sku, 1)
    confirmed = placement(stores, user_id)
    added: list[object] = []
    adding = threading.Thread(target=lambda: added.append(carts.add(process.stores(), user_id, other, 2)))
    reserve = Orders.reserve

    def paused(self: Orders, cart_id: UUID) -> bool:
        adding.start()
        wait_until(lambda: somebody_waits(process.stores()))
        return reserve(self, cart_id)

    monkeypatch.setattr(Orders, "reserve", paused)
    order_id = place(stores, confirmed, HOLD)
    adding.join(10)
    assert len(added) == 1
    assert [line.sku for line in stores.orders.view(order_id).lines] == [sku]
    assert [(line.sku, line.qty) for line in stores.carts.active(user_id).lines] == [(other, 2)]


def test_a_pool_without_a_free_connection_says_so_within_three_seconds(
    settings: Settings, process: Process, stores: Stores
) -> None:
    small = Process(settings, pool_size=1)
    user_id = shopper()
    carts.add(stores, user_id, product(stores), 1)
    confirmed = placement(stores, user_id)
    held = small.engines.writer.connect()
    try:
        started = time.monotonic()
        with pytest.raises(StoreUnavailable):
            place(small.stores(), confirmed, HOLD)
        assert time.monotonic() - started < 3
    finally:
        held.close()
        small.engines.dispose()
