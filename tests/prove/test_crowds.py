"""Many at once for a long time: two hundred shoppers for ten units, ten thousand webhooks."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from sqlalchemy import text

from storefront.config import Settings
from storefront.domain.errors import CheckoutChanged, ShopError, StoreUnavailable
from storefront.payments.provider import Attempt, AttemptState, ProviderEvent
from storefront.process import Process
from storefront.services import carts, holds
from storefront.services.checkout import Placement, place
from storefront.services.payments import webhooks
from storefront.stores import Stores
from tests.support.audit import assert_sound
from tests.support.database import count, sql
from tests.support.factories import HOLD, placement, product, shopper
from tests.support.otherwise import otherwise
from tests.support.worker import work

pytestmark = pytest.mark.prove

THREADS = 16
ROUNDS, SHOPPERS, UNITS = 20, 200, 10
EVENTS, WITHIN = 10_000, 60.0


@pytest.fixture
def wide(process: Process, settings: Settings) -> Iterator[Process]:
    made = Process(settings, pool_size=THREADS)
    yield made
    made.close()


def until_answered(call: Callable[[], object]) -> object:
    """What a shopper gets who tries again when there was no answer in time."""
    while True:
        try:
            return call()
        except StoreUnavailable:
            time.sleep(0.05)
        except ShopError as refused:
            return type(refused)


def test_two_hundred_shoppers_submit_twice_for_ten_units(process: Process, wide: Process) -> None:
    stores, seconds = process.stores(), 0.0
    for _ in range(ROUNDS):
        sku = product(stores, quantity=UNITS)
        wanted: list[Placement] = []
        for _ in range(SHOPPERS):
            user_id = shopper()
            carts.add(stores, user_id, sku, 1)
            wanted.append(placement(stores, user_id))
        twice = [one for one in wanted for _ in range(2)]
        random.shuffle(twice)
        began = time.monotonic()
        with ThreadPoolExecutor(THREADS) as pool:
            got = list(pool.map(lambda one: until_answered(lambda: place(wide.stores(), one, HOLD)), twice))
        seconds += time.monotonic() - began
        orders = Counter(one for one in got if isinstance(one, UUID))
        assert len(orders) == UNITS
        assert set(orders.values()) == {2}, "both submits of a cart lead to its one order"
        assert {one for one in got if not isinstance(one, UUID)} == {CheckoutChanged}
        level = stores.stock.level(sku)
        assert (level.quantity, level.reserved) == (UNITS, UNITS)
    print(f"\n{ROUNDS * SHOPPERS * 2} submits in {seconds:.0f} s")
    assert_sound(process)


def test_ten_thousand_webhooks_tripled_shuffled_and_some_lost_settle_in_a_minute(
    process: Process, wide: Process
) -> None:
    stores = process.stores()
    ids = _unpaid(stores, EVENTS // 3 + 100)
    events = [_event(stores, one) for one in ids] * 3
    lost = random.Random(1).sample(events, len(events) // 100)
    told = [event for event in events if event not in lost]
    random.Random(2).shuffle(told)
    stripe = otherwise(wide.stripe, retrieve=_captured, close=_captured)
    began = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda event: webhooks.handle(wide.stores(), stripe, event), told))
    sql(stores, "UPDATE orders SET created_at = created_at - interval '5 minutes'")
    wide.stripe = stripe
    while stores.db.rows(text("SELECT 1 FROM orders WHERE status = 'pending' LIMIT 1")):
        assert time.monotonic() - began < 2 * WITHIN, "a worker does not find what was lost"
        work(wide)
    seconds = time.monotonic() - began
    print(f"\n{len(told)} webhooks for {len(ids)} orders settled in {seconds:.0f} s")
    rows = stores.db.rows(text("SELECT status, count(*) FROM orders GROUP BY status"))
    assert sum(number for status, number in rows if status in ("paid", "preparing")) == len(ids)
    assert count(stores, "refunds") == 0
    assert len(told) > EVENTS - 200
    assert seconds < WITHIN
    assert holds.expire_lapsed(stores, stripe) == 0
    assert_sound(process)


def _unpaid(stores: Stores, number: int) -> Sequence[UUID]:
    """So many orders with a page at Stripe each."""
    sku = product(stores, quantity=number)
    ids = []
    for _ in range(number):
        user_id = shopper()
        carts.add(stores, user_id, sku, 1)
        ids.append(place(stores, placement(stores, user_id), HOLD))
    sql(stores, "UPDATE payments SET external_ref = 'cs_' || replace(order_id::text, '-', '')")
    return ids


def _event(stores: Stores, order_id: UUID) -> ProviderEvent:
    ref = f"cs_{order_id.hex}"
    name = f"evt_{order_id.hex}"
    return ProviderEvent(name, "checkout.session.completed", ref, str(order_id), None, stores.shop_id)


def _captured(ref: str) -> Attempt:
    """Stripe, if it answered at once."""
    order_id = UUID(ref.removeprefix("cs_"))
    return Attempt(
        ref, AttemptState.CAPTURED, 1200, "USD", intent=f"pi_{order_id.hex}", order_id=str(order_id)
    )
