"""A worker that is told to stop ends after the order at hand; what it had claimed is everybody's at once."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

from sqlalchemy import text

from storefront.domain.orders import OrderStatus
from storefront.payments.provider import Attempt
from storefront.process import Process
from storefront.services import leases
from storefront.services.worker import Worker
from storefront.stores import Stores
from tests.support.factories import lapse, order, pay_page
from tests.support.otherwise import otherwise
from tests.support.till import capture, open_page


def claimed(stores: Stores) -> int:
    ((count,),) = stores.db.rows(
        text("SELECT count(*) FROM orders WHERE claimed_until > now() AND status <> 'expired'")
    )
    return int(count)


class Slow:
    """Stands in a job's way: the first order waits here until it is let on."""

    def __init__(self) -> None:
        self.reached, self.go = threading.Event(), threading.Event()

    def __call__(self) -> None:
        self.reached.set()
        assert self.go.wait(20)


def stopped_meanwhile(worker: Worker, slow: Slow) -> float:
    """Run it until it is slow, tell it to stop, let it on; the seconds that it then takes to end."""
    running = threading.Thread(target=worker.run)
    running.start()
    assert slow.reached.wait(20)
    worker.stop()
    slow.go.set()
    began = time.monotonic()
    running.join(20)
    assert not running.is_alive()
    return time.monotonic() - began


def test_a_worker_that_stops_gives_back_the_orders_that_it_has_not_come_to(
    process: Process, stores: Stores, stripe: str
) -> None:
    paid = [order(stores) for _ in range(6)]
    for order_id in paid:
        pay_page(open_page(process, order_id))
    with stores.transaction():
        stores.db.session.execute(text("UPDATE orders SET created_at = created_at - interval '1 minute'"))
    slow, retrieve = Slow(), process.stripe.retrieve

    def slowly(ref: str) -> Attempt:
        slow()
        return retrieve(ref)

    process.stripe = otherwise(process.stripe, retrieve=slowly)
    assert stopped_meanwhile(Worker(process, without=("mail", "holds", "deliveries")), slow) < 5
    states = [stores.orders.summary(order_id).status for order_id in paid]
    assert states.count(OrderStatus.PAID) == 1, "the one at hand was finished"
    assert states.count(OrderStatus.PENDING) == 5
    assert claimed(stores) == 0


def test_without_giving_back_they_would_wait_for_their_leases(stores: Stores) -> None:
    """The control: what a killed worker leaves."""
    for _ in range(3):
        capture(stores, order(stores))
    with stores.transaction():
        left = stores.order_queues.claim_paid(10, timedelta(seconds=20))
    assert claimed(stores) == 3
    leases.release(stores, [one.order_id for one in left])
    assert claimed(stores) == 0


def test_holds_whose_pages_were_not_asked_about_are_given_back(
    process: Process, stores: Stores, stripe: str
) -> None:
    lapsed = [order(stores) for _ in range(12)]
    for order_id in lapsed:
        open_page(process, order_id)
        lapse(stores, order_id)
    slow, close = Slow(), process.stripe.close

    def slowly(ref: str) -> Attempt:
        slow()
        return close(ref)

    process.stripe = otherwise(process.stripe, close=slowly)
    stopped_meanwhile(Worker(process, without=("mail", "deliveries", "payments")), slow)
    states = [stores.orders.summary(order_id).status for order_id in lapsed]
    assert 1 <= states.count(OrderStatus.EXPIRED) <= 8, "those under way were finished"
    assert claimed(stores) == 0
