"""The end of holds: stock comes back, but not before Stripe can't take money for it any more."""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from storefront.domain.errors import HoldLapsed, NotFound, PaymentUnavailable
from storefront.domain.orders import EventKind, OrderStatus
from storefront.payments.provider import Attempt, AttemptState
from storefront.payments.stripe_client import Stripe
from storefront.process import Process
from storefront.services import holds
from storefront.services.payments import settlement
from storefront.stores import Stores
from tests.support.concurrency import at_once
from tests.support.factories import lapse, order, pay_page, product, shopper
from tests.support.otherwise import otherwise
from tests.support.stripe_control import fault, sessions_of, unavailable
from tests.support.till import open_page, settle
from tests.support.worker import work


def expire(process: Process) -> int:
    return holds.expire_lapsed(process.stores(), process.stripe)


def status(stores: Stores, order_id: UUID) -> OrderStatus:
    return stores.orders.summary(order_id).status


def test_a_lapsed_hold_ends_and_its_stock_is_free_again(process: Process, stores: Stores) -> None:
    sku = product(stores, quantity=5)
    order_id = order(stores, sku, qty=3)
    lapse(stores, order_id)
    assert stores.stock.level(sku).reserved == 3, "expiry is a change of state, never a reading of the clock"
    assert expire(process) == 1
    assert status(stores, order_id) is OrderStatus.EXPIRED
    assert (stores.stock.level(sku).quantity, stores.stock.level(sku).reserved) == (5, 0)
    assert stores.orders.view(order_id).events[-1].kind is EventKind.EXPIRED


def test_a_hold_that_lasts_is_left_alone(process: Process, stores: Stores) -> None:
    order_id = order(stores)
    assert expire(process) == 0
    assert status(stores, order_id) is OrderStatus.PENDING


def test_the_page_is_closed_at_stripe_before_the_stock_is_free(
    process: Process, stores: Stores, stripe: str
) -> None:
    sku = product(stores, quantity=1)
    order_id = order(stores, sku)
    url = open_page(process, order_id)
    lapse(stores, order_id)
    close = process.stripe.close
    reserved_while_open: list[int] = []

    def watched(ref: str) -> Attempt:
        reserved_while_open.append(process.stores().stock.level(sku).reserved)
        return close(ref)

    process.stripe = otherwise(process.stripe, close=watched)
    assert expire(process) == 1
    assert reserved_while_open == [1]
    assert sessions_of(stripe, order_id)[0]["status"] == "expired"
    assert pay_page(url).status_code in (200, 409)
    assert sessions_of(stripe, order_id)[0]["payment_status"] == "unpaid"


def test_14_paid_in_the_last_moment_is_paid_and_not_expired(
    process: Process, stores: Stores, stripe: str
) -> None:
    order_id = order(stores)
    pay_page(open_page(process, order_id))
    lapse(stores, order_id)
    expire(process)
    assert status(stores, order_id) is OrderStatus.PAID


def test_15_while_stripe_is_away_the_goods_stay_held_and_the_next_round_after_ends_it(
    process: Process, stores: Stores, stripe: str
) -> None:
    sku = product(stores, quantity=1)
    order_id = order(stores, sku)
    open_page(process, order_id)
    lapse(stores, order_id)
    with unavailable(stripe):
        assert expire(process) == 0
        assert status(stores, order_id) is OrderStatus.PENDING
        assert stores.stock.level(sku).reserved == 1
    work(process)
    assert status(stores, order_id) is OrderStatus.EXPIRED
    assert stores.stock.level(sku).reserved == 0


def test_a_closing_is_one_call_and_one_that_is_paid_is_two(
    process: Process, stores: Stores, stripe: str
) -> None:
    open_, paid = order(stores), order(stores)
    open_page(process, open_)
    pay_page(open_page(process, paid))
    for one in (open_, paid):
        lapse(stores, one)
    called: list[str] = []
    asked = process.stripe._transport.request

    def counted(method: str, url: str, **options: object) -> object:
        called.append(method.upper())
        return asked(method, url, **options)

    # Beside the process's own, which others use.
    fresh = Stripe(process.settings)
    vars(fresh._transport)["request"] = counted
    holds.expire_lapsed(stores, fresh)
    assert sorted(called) == ["GET", "POST", "POST"]
    assert status(stores, open_) is OrderStatus.EXPIRED
    assert status(stores, paid) is OrderStatus.PAID


def test_pages_that_stripe_is_slow_about_keep_no_other_order_waiting(
    process: Process, stores: Stores, stripe: str
) -> None:
    """Though they lapsed earlier: nobody is asked before the others end."""
    sku = product(stores, quantity=500)
    paged = [order(stores, sku) for _ in range(3)]
    with stores.transaction():
        stores.db.session.execute(text("UPDATE payments SET external_ref = 'cs_' || payment_id"))
    without = order(stores, sku)
    for one in (*paged, without):
        lapse(stores, one)
    assert holds._expire_unasked(stores) == 1
    assert status(stores, without) is OrderStatus.EXPIRED
    assert status(stores, paged[0]) is OrderStatus.PENDING


def test_an_order_whose_payment_is_being_stored_is_not_ended_without_asking(
    process: Process, stores: Stores
) -> None:
    """Its lock is held by whoever stores it, so it is passed over, and then has a page to be closed."""
    order_id = order(stores)
    lapse(stores, order_id)
    other = process.stores()
    with other.transaction():
        other.db.session.execute(
            text("UPDATE payments SET external_ref = 'cs_new' WHERE order_id = :o"), {"o": order_id}
        )
        assert holds._expire_unasked(process.stores()) == 0
    assert holds._expire_unasked(process.stores()) == 0
    assert status(stores, order_id) is OrderStatus.PENDING


@pytest.mark.parametrize("step", ["GET /v1/checkout/sessions/*", "POST /v1/checkout/sessions/*/expire"])
@pytest.mark.parametrize("action", ["drop_before", "drop_after", "status:500"])
def test_4_a_closing_whose_answer_is_lost_is_closed_again(
    process: Process, stores: Stores, stripe: str, step: str, action: str
) -> None:
    order_id = order(stores)
    open_page(process, order_id)
    lapse(stores, order_id)
    with fault(stripe, step, action, 2):
        expire(process)
    work(process)
    assert status(stores, order_id) is OrderStatus.EXPIRED


def test_orders_without_a_page_end_though_stripe_is_away(
    process: Process, stores: Stores, stripe: str
) -> None:
    with_page, without = order(stores), order(stores)
    open_page(process, with_page)
    for one in (with_page, without):
        lapse(stores, one)
    with unavailable(stripe):
        assert expire(process) == 1
    assert status(stores, without) is OrderStatus.EXPIRED
    assert status(stores, with_page) is OrderStatus.PENDING


def test_a_stripe_that_hangs_costs_a_round_seconds_and_not_minutes(
    process: Process, stores: Stores, stripe: str
) -> None:
    """Forty pages, each of which would wait for its own time-out."""
    asked: list[str] = []

    def hangs(ref: str) -> Attempt:
        asked.append(ref)
        time.sleep(0.2)
        raise PaymentUnavailable("away")

    process.stripe = otherwise(process.stripe, close=hangs)
    sku = product(stores, quantity=100)
    ids = [order(stores, sku) for _ in range(40)]
    with stores.transaction():
        stores.db.session.execute(text("UPDATE payments SET external_ref = 'cs_' || payment_id"))
    for one in ids:
        lapse(stores, one)
    started = time.monotonic()
    expire(process)
    assert len(asked) <= holds.CLOSERS
    assert time.monotonic() - started < 2
    claimed = stores.db.rows(text("SELECT count(*) FROM orders WHERE claimed_until > now()"))[0][0]
    assert claimed == 0, "what was not answered is free for the next round"


def test_one_page_that_stripe_does_not_know_keeps_no_other_order_waiting(
    process: Process, stores: Stores, stripe: str
) -> None:
    odd, order_id = order(stores), order(stores)
    with stores.transaction():
        stores.db.session.execute(
            text("UPDATE payments SET external_ref = 'cs_gone' WHERE order_id = :o"), {"o": odd}
        )
    open_page(process, order_id)
    for one in (odd, order_id):
        lapse(stores, one)
    assert expire(process) == 2
    assert status(stores, order_id) is OrderStatus.EXPIRED
    assert status(stores, odd) is OrderStatus.EXPIRED
    assert [item.order_id for item in stores.attention.open()] == [odd]


def test_one_order_whose_books_are_wrong_keeps_no_other_order_waiting(
    process: Process, stores: Stores, stripe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, order_id = order(stores), order(stores)
    pay_page(open_page(process, odd))
    open_page(process, order_id)
    for one in (odd, order_id):
        lapse(stores, one)
    apply = settlement.apply

    def breaks(stores_: Stores, stripe_: Stripe, which: UUID, attempt: Attempt) -> OrderStatus:
        if which == odd:
            raise ArithmeticError("a bug")
        return apply(stores_, stripe_, which, attempt)

    monkeypatch.setattr(settlement, "apply", breaks)
    assert expire(process) == 1
    assert status(stores, order_id) is OrderStatus.EXPIRED


def test_a_payment_under_way_at_the_bank_keeps_the_goods_held(
    process: Process, stores: Stores, stripe: str
) -> None:
    order_id = order(stores)
    open_page(process, order_id)
    lapse(stores, order_id)
    ref = stores.orders.summary(order_id).external_ref or ""
    under_way = Attempt(ref, AttemptState.PROCESSING, 0, "USD", intent="pi_x")
    process.stripe = otherwise(process.stripe, close=lambda _: under_way)
    assert expire(process) == 0
    view = stores.orders.view(order_id)
    assert view.status is OrderStatus.PENDING
    assert view.checking


def test_many_lapsed_orders_of_the_same_products_end_in_one_round(process: Process, stores: Stores) -> None:
    skus = [product(stores, quantity=200) for _ in range(3)]
    ids = [order(stores, *skus[index % 2 :], qty=1 + index % 3) for index in range(24)]
    for one in ids:
        lapse(stores, one)
    assert expire(process) == 24
    assert [stores.stock.level(sku).reserved for sku in skus] == [0, 0, 0]


def test_24_workers_at_once_release_once(process: Process, stores: Stores) -> None:
    sku = product(stores, quantity=100)
    order(stores, sku, qty=7)
    ids = [order(stores, sku, qty=2) for _ in range(20)]
    for one in ids:
        lapse(stores, one)
    done = at_once(*[lambda: expire(process)] * 4)
    assert done.errors == []
    assert sum(done.results) == 20
    assert stores.stock.level(sku).reserved == 7


def test_24_two_workers_with_the_same_claims_release_once(process: Process, stores: Stores) -> None:
    """As after a lease that ran out while the first worker was still waiting for Stripe."""
    sku = product(stores, quantity=100)
    order(stores, sku, qty=7)
    ids = [order(stores, sku, qty=2) for _ in range(10)]
    for one in ids:
        lapse(stores, one)
    done = at_once(*[lambda: holds._expire(process.stores(), list(ids))] * 4)
    assert done.errors == []
    assert sum(done.results) == 10
    assert stores.stock.level(sku).reserved == 7


def test_24_a_killed_workers_claims_are_taken_over_when_its_lease_is_over(
    process: Process, stores: Stores
) -> None:
    order_id = order(stores)
    lapse(stores, order_id)
    with stores.transaction():
        assert len(stores.order_queues.claim_lapsed(10, holds.LEASE)) == 1
    assert expire(process) == 0
    with stores.transaction():
        stores.db.session.execute(text("UPDATE orders SET claimed_until = now() - interval '1 second'"))
    assert expire(process) == 1


def test_15_a_claim_for_settling_never_outlasts_the_hold(
    process: Process, stores: Stores, stripe: str
) -> None:
    """Asked about late in a long hold, it would stay pending for a quarter of its age past its end."""
    order_id = order(stores, hold=timedelta(hours=2))
    open_page(process, order_id)
    with stores.transaction():
        stores.db.session.execute(
            text(
                "UPDATE orders SET created_at = now() - interval '119 minutes',"
                " expires_at = now() + interval '1 minute'"
            )
        )
    with stores.transaction():
        assert len(stores.order_queues.claim_unsettled(10)) == 1
    row = stores.db.rows(text("SELECT claimed_until <= expires_at FROM orders"))[0]
    assert row[0] is True


def test_the_webhook_of_a_payment_that_comes_after_expiry_is_heeded(
    process: Process, stores: Stores, stripe: str
) -> None:
    sku = product(stores, quantity=1)
    order_id = order(stores, sku)
    pay_page(open_page(process, order_id))
    lapse(stores, order_id)
    holds._expire(stores, [order_id])
    assert settle(process, order_id) is OrderStatus.PAID
    assert expire(process) == 0
    assert status(stores, order_id) is OrderStatus.PAID


# --- extensions


def test_an_extension_gives_one_more_hold_period_once(stores: Stores) -> None:
    order_id = order(stores, hold=timedelta(minutes=6))
    before = stores.orders.summary(order_id)
    holds.extend(stores, order_id)
    after = stores.orders.summary(order_id)
    assert after.expires_at - before.expires_at == timedelta(minutes=6)
    assert after.hold == timedelta(minutes=6)
    with pytest.raises(HoldLapsed):
        holds.extend(stores, order_id)
    assert stores.orders.summary(order_id).expires_at == after.expires_at


def test_a_hold_that_ended_is_not_extended(process: Process, stores: Stores) -> None:
    order_id = order(stores)
    lapse(stores, order_id)
    with pytest.raises(HoldLapsed):
        holds.extend(stores, order_id)
    expire(process)
    with pytest.raises(HoldLapsed):
        holds.extend(stores, order_id)


def test_an_order_that_never_was_is_not_extended(stores: Stores) -> None:
    with pytest.raises(NotFound):
        holds.extend(stores, shopper())


def test_ten_extensions_at_once_extend_once(process: Process, stores: Stores) -> None:
    order_id = order(stores, hold=timedelta(minutes=6))
    before = stores.orders.summary(order_id).expires_at
    done = at_once(*[lambda: holds.extend(process.stores(), order_id)] * 10)
    assert len(done.results) == 1
    assert done.kinds() == {HoldLapsed}
    assert stores.orders.summary(order_id).expires_at - before == timedelta(minutes=6)


def test_extending_against_expiring_one_of_them_wins(process: Process, stores: Stores) -> None:
    sku = product(stores, quantity=100)
    for _ in range(6):
        order_id = order(stores, sku)
        lapse(stores, order_id)
        # The hold ends somewhere among the calls.
        with stores.transaction():
            stores.db.session.execute(
                text("UPDATE orders SET expires_at = now() + interval '15 ms' WHERE order_id = :o"),
                {"o": order_id},
            )
        done = at_once(
            *[lambda: expire(process)] * 2, *[lambda o=order_id: holds.extend(process.stores(), o)] * 2
        )
        assert done.kinds() <= {HoldLapsed}
        expire(process)
        row = stores.orders.summary(order_id)
        extended = row.extended_at is not None
        # A minute-long period is not over yet; one of a few milliseconds may be.
        if not extended:
            assert row.status is OrderStatus.EXPIRED
        elif row.status is OrderStatus.EXPIRED:
            assert row.expires_at <= stores.orders.now()
