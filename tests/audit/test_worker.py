"""The audit finds what a worker should have done by now."""

from __future__ import annotations

from storefront.audit import Remedy, repair
from storefront.domain.orders import OrderStatus
from storefront.process import Process
from storefront.services.worker import Worker
from storefront.stores import Stores
from tests.support.audit import assert_sound, findings
from tests.support.audited_shop import claim_for_an_hour, told, tools
from tests.support.database import plant
from tests.support.factories import lapse, order
from tests.support.till import capture


def test_an_order_pending_past_its_hold_is_found_and_given_to_the_worker(
    process: Process, stores: Stores
) -> None:
    late = order(stores)
    plant(
        stores,
        "UPDATE orders SET created_at = now() - interval '1 hour', expires_at = now() - interval '1 minute',"
        " claimed_until = now() + interval '1 hour' WHERE order_id = :id",
        id=late,
    )
    assert findings(stores, due=False) == []
    (found,) = findings(stores)
    assert (found.invariant, found.order_id, found.remedy) == ("I15", late, Remedy.REQUEUE)
    Worker(process).round()
    assert told(findings(stores)) == told([found])
    repair(tools(process), found)
    Worker(process).round()
    assert stores.orders.summary(late).status is OrderStatus.EXPIRED
    assert_sound(process, due=True)


def test_a_hold_that_ended_just_now_is_not_late(stores: Stores) -> None:
    lapse(stores, order(stores))
    assert findings(stores) == []


def test_a_paid_order_left_without_shipment_is_found_and_mended(process: Process, stores: Stores) -> None:
    left = capture(stores, order(stores))
    claim_for_an_hour(stores, left)
    (found,) = findings(stores)
    assert (found.invariant, found.order_id) == ("I7", left)
    repair(tools(process), found)
    Worker(process).round()
    assert stores.orders.summary(left).status is OrderStatus.PREPARING
    assert_sound(process, due=True)


def test_what_a_worker_does_meanwhile_is_not_held_against_it(process: Process, stores: Stores) -> None:
    capture(stores, order(stores))
    slept: list[float] = []

    def while_we_wait(seconds: float) -> None:
        slept.append(seconds)
        Worker(process).round()

    assert findings(stores, wait=while_we_wait) == []
    assert len(slept) == 1
