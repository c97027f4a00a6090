"""Many who want the same stock at the same moment."""

from __future__ import annotations

import random
import threading
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text

from storefront.domain.errors import (
    CheckoutChanged,
    TransactionLost,
)
from storefront.process import Process
from storefront.repositories.aurora.orders import Orders
from storefront.services import carts
from storefront.services.checkout import Placement, place
from storefront.stores import Stores
from tests.support.concurrency import at_once, wait_until
from tests.support.database import count, somebody_waits
from tests.support.factories import HOLD, order, placement, product, shopper


def buyers(stores: Stores, number: int, *skus: str) -> list[Placement]:
    """Shoppers who each confirmed a cart of these products, put in by half of them in the opposite order."""
    found = []
    for index in range(number):
        user_id = shopper()
        for sku in skus if index % 2 else reversed(skus):
            carts.add(stores, user_id, sku, 1)
        found.append(placement(stores, user_id))
    return found


def test_the_last_unit_wanted_by_fifty_at_once_is_sold_once(wide: Process, stores: Stores) -> None:
    sku = product(stores, quantity=1)
    wanted = buyers(stores, 50, sku)
    done = at_once(*[lambda one=one: place(wide.stores(), one, HOLD) for one in wanted])
    assert len(done.results) == 1
    assert done.kinds() == {CheckoutChanged}
    assert (stores.stock.level(sku).quantity, stores.stock.level(sku).reserved) == (1, 1)
    assert count(stores, "orders") == 1


def test_control_without_the_lock_the_last_unit_would_be_sold_more_than_once(
    wide: Process, stores: Stores, monkeypatch: pytest.MonkeyPatch, unsound: None
) -> None:
    """Read, decide, write: what the guard is there against. The CHECK is the last line of defence."""

    def read_then_write(self: Orders, cart_id: UUID) -> bool:
        session = self._db.session
        lines = session.execute(
            text(
                "SELECT s.sku, s.quantity, s.reserved, i.qty FROM stock s JOIN cart_items i USING (sku)"
                " WHERE i.cart_id = :c"
            ),
            {"c": cart_id},
        ).all()
        if any(line.quantity - line.reserved < line.qty for line in lines):
            return False
        for line in lines:
            session.execute(
                text("UPDATE stock SET reserved = :r WHERE sku = :s"),
                {"r": line.reserved + line.qty, "s": line.sku},
            )
        return True

    monkeypatch.setattr(Orders, "reserve", read_then_write)
    sku = product(stores, quantity=1)
    wanted = buyers(stores, 50, sku)
    done = at_once(*[lambda one=one: place(wide.stores(), one, HOLD) for one in wanted])
    assert len(done.results) > 1, "the race must be there to be guarded against"
    assert count(stores, "orders") > stores.stock.level(sku).reserved


def test_fifty_carts_of_the_same_products_in_opposite_orders_meet_no_deadlock(
    wide: Process, stores: Stores
) -> None:
    skus = [product(stores, f"SKU-{letter}", quantity=1000) for letter in "DACB"]
    wanted = buyers(stores, 50, *skus)
    # Without the second try, which would hide a deadlock.
    once = place.__wrapped__  # type: ignore[attr-defined]
    done = at_once(*[lambda one=one: once(wide.stores(), one, HOLD) for one in wanted])
    assert done.errors == []
    assert [stores.stock.level(sku).reserved for sku in skus] == [50] * 4


@pytest.mark.parametrize("change", ["reserve", "release", "take_reserved", "take_free"])
def test_18_stock_is_locked_in_sku_order_whatever_the_order_of_the_rows(
    process: Process, stores: Stores, database_url: str, change: str, unsound: None
) -> None:
    """Somebody holds B. Who wants A to D, made and put in as D, A, C, B, must have A and no more than A."""
    skus = [product(stores, letter, quantity=10) for letter in "DACB"]
    order_id = order(stores, *skus)
    cart_id = stores.orders.summary(order_id).cart_id

    def wait_for_b() -> None:
        mine = process.stores()
        calls = {
            "reserve": lambda: mine.orders.reserve(cart_id),
            "take_free": lambda: mine.stock.take_free(cart_id),
        }
        with mine.transaction():
            calls.get(change, lambda: getattr(mine.stock, change)([cart_id]))()

    with psycopg.connect(database_url) as holder, psycopg.connect(database_url) as probe:
        holder.execute("SELECT 1 FROM stock WHERE sku = 'B' FOR UPDATE")
        waiting = threading.Thread(target=wait_for_b)
        waiting.start()
        wait_until(lambda: somebody_waits(stores))
        free = probe.execute("SELECT sku FROM stock ORDER BY sku FOR UPDATE SKIP LOCKED").fetchall()
        probe.rollback()
        holder.rollback()
        waiting.join(10)
    assert [sku for (sku,) in free] == ["C", "D"]


def test_control_locks_taken_in_the_carts_own_order_do_deadlock(
    wide: Process, stores: Stores, monkeypatch: pytest.MonkeyPatch, unsound: None
) -> None:
    def as_they_come(self: Orders, cart_id: UUID) -> bool:
        skus = [
            sku
            for (sku,) in self._db.rows(text("SELECT sku FROM cart_items WHERE cart_id = :c"), {"c": cart_id})
        ]
        random.shuffle(skus)
        for sku in skus:
            self._db.session.execute(
                text("UPDATE stock SET reserved = reserved + 1 WHERE sku = :s"), {"s": sku}
            )
            self._db.session.execute(text("SELECT pg_sleep(0.005)"))
        return True

    monkeypatch.setattr(Orders, "reserve", as_they_come)
    skus = [product(stores, f"SKU-{letter}", quantity=1000) for letter in "DACB"]
    wanted = buyers(stores, 12, *skus)
    once = place.__wrapped__  # type: ignore[attr-defined]
    done = at_once(*[lambda one=one: once(wide.stores(), one, HOLD) for one in wanted])
    assert TransactionLost in done.kinds()
