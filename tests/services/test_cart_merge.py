"""Two carts become one, and nothing is lost, doubled or locked for ever."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest

from storefront.domain.cart import MAX_LINES
from storefront.process import Process
from storefront.services import cart_merge, carts
from storefront.services.cart_merge import MergedLine, merge
from storefront.stores import Stores
from tests.support.factories import fill, order, product, shopper

EMAIL = "ada@example.com"
THREADS = 50
ROOM = 5


def quantities(stores: Stores, who: UUID) -> dict[str, int]:
    return {line.sku: line.qty for line in stores.carts.active(who).lines}


def test_the_larger_quantity_of_each_and_a_line_about_each(stores: Stores) -> None:
    guest, account = shopper(), shopper()
    both, theirs, ours = (product(stores, quantity=200) for _ in range(3))
    carts.add(stores, guest, both, 7)
    carts.add(stores, guest, theirs, 2)
    carts.add(stores, account, both, 4)
    carts.add(stores, account, ours, 99)
    told = merge(stores, guest, account, EMAIL)
    assert sorted(told, key=lambda m: m.sku) == sorted(
        [MergedLine(both, 7, 4, 7), MergedLine(theirs, 2, 0, 2), MergedLine(ours, 0, 99, 99)],
        key=lambda m: m.sku,
    )
    assert quantities(stores, account) == {both: 7, theirs: 2, ours: 99}
    assert quantities(stores, guest) == {}
    assert merge(stores, guest, account, EMAIL) == []
    assert quantities(stores, account) == {both: 7, theirs: 2, ours: 99}


def test_one_full_cart_needs_no_words(stores: Stores) -> None:
    guest, account, sku = shopper(), shopper(), product(stores)
    carts.add(stores, guest, sku, 1)
    assert merge(stores, guest, account, EMAIL) == []
    assert quantities(stores, account) == {sku: 1}


def test_a_cart_merged_with_itself_stays(stores: Stores) -> None:
    who, sku = shopper(), product(stores)
    carts.add(stores, who, sku, 3)
    assert merge(stores, who, who, EMAIL) == []
    assert quantities(stores, who) == {sku: 3}


def test_what_does_not_fit_is_told(stores: Stores) -> None:
    guest, account = shopper(), shopper()
    for _ in range(2):
        carts.add(stores, guest, product(stores), 1)
    fill(stores, account, MAX_LINES - 1)
    told = merge(stores, guest, account, EMAIL)
    assert sorted(m.qty for m in told if m.guest_qty) == [0, 1]
    assert len(quantities(stores, account)) == MAX_LINES


def test_orders_with_the_accounts_email_change_hands_with_their_carts(stores: Stores) -> None:
    guest, account = shopper(), shopper()
    mine = order(stores, user_id=guest)
    cart_id = stores.orders.summary(mine).cart_id
    merge(stores, guest, account, "ADA@example.com")
    assert stores.orders.summary(mine).user_id == account
    assert stores.orders.of_cart(cart_id, account) == mine
    theirs = order(stores, user_id=guest)
    merge(stores, guest, account, "bob@example.com")
    assert stores.orders.summary(theirs).user_id == guest


def all_merge(process: Process, guests: list[UUID], account: UUID) -> list[Any]:
    barrier = Barrier(len(guests))

    def run(guest: UUID) -> Any:
        barrier.wait()
        for _ in range(20):
            try:
                return merge(process.stores(), guest, account, EMAIL)
            except Exception as error:
                # Four connections for fifty threads: whoever finds none in time tries again.
                if type(error).__name__ != "StoreUnavailable":
                    return error
        return "never got a connection"

    with ThreadPoolExecutor(len(guests)) as pool:
        return list(pool.map(run, guests))


@pytest.fixture
def crowd(process: Process, monkeypatch: pytest.MonkeyPatch) -> tuple[list[UUID], UUID]:
    """Fifty guests with a product each, and an account with ``ROOM`` for few of them."""
    stores = process.stores()
    together = cart_merge._together

    def slowly(*lines: Any) -> list[MergedLine]:
        # Long enough for others to come between, on a loaded machine too.
        time.sleep(0.1)
        return together(*lines)

    monkeypatch.setattr(cart_merge, "_together", slowly)
    account, guests = shopper(), [shopper() for _ in range(THREADS)]
    fill(stores, account, MAX_LINES - ROOM)
    for who in guests:
        carts.add(stores, who, product(stores), 1)
    return list(guests), account


@pytest.mark.alone
def test_fifty_merges_at_once_keep_to_the_room_there_is(
    process: Process, crowd: tuple[list[UUID], UUID]
) -> None:
    guests, account = crowd
    got = all_merge(process, guests, account)
    assert all(isinstance(told, list) for told in got), got
    assert len(quantities(process.stores(), account)) == MAX_LINES
    assert sum(any(m.guest_qty and m.qty for m in told) for told in got) == ROOM


@pytest.mark.alone
def test_without_the_lock_they_overfill_the_cart(
    process: Process, crowd: tuple[list[UUID], UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(stores: Stores, *shoppers: UUID) -> dict[UUID, UUID]:
        return {who: stores.carts.active(who).cart_id for who in shoppers}  # type: ignore[misc]

    monkeypatch.setattr(cart_merge, "_lock", look)
    guests, account = crowd
    all_merge(process, guests, account)
    assert len(quantities(process.stores(), account)) > MAX_LINES


def test_merges_that_meet_from_opposite_sides_end(process: Process) -> None:
    stores = process.stores()
    one, two = shopper(), shopper()
    skus = [product(stores) for _ in range(6)]
    for number, sku in enumerate(skus):
        carts.add(stores, one if number % 2 else two, sku, 1)

    def run(number: int) -> None:
        merge(process.stores(), *((one, two) if number % 2 else (two, one)), EMAIL)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(24)))
    assert sorted([*quantities(stores, one), *quantities(stores, two)]) == sorted(skus)
