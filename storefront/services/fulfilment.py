"""From paid to on its way: the shipment is written to DynamoDB, and kept telling what Aurora tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

from storefront.domain.deliveries import Delivery, Shipment
from storefront.domain.order_views import Event, OrderSummary
from storefront.domain.orders import EventKind, OrderStatus
from storefront.services import leases, parcels
from storefront.services.payments import saved_cards
from storefront.stores import Stores, again_if_lost

BATCH = 50
LEASE = timedelta(seconds=20)
STEPS = 100
"""Steps of one order that are carried over in one turn."""


def write_shipments(stores: Stores) -> int:
    """Give every paid order its one shipment and move it to preparing; how many were done.

    DynamoDB first, by a conditional put, then Aurora by compare-and-set: a crash in between is finished
    by the next round, which finds the shipment there.

    Raises:
        StoreUnavailable: DynamoDB is unavailable; the orders stay paid and are tried again.
    """
    with stores.transaction():
        claimed = stores.order_queues.claim_paid(BATCH, LEASE)
    return leases.each(
        stores, [claim.order_id for claim in claimed], lambda order_id: write_shipment(stores, order_id)
    )


def write_shipment(stores: Stores, order_id: UUID) -> None:
    """Give one paid order its shipment; done before, it stays as it is.

    Raises:
        StoreUnavailable: as ``write_shipments``.
    """
    order = stores.orders.summary(order_id)
    if order.status is OrderStatus.PAID:
        shipment = _shipment(stores, order)
        # While it is paid: once it is being packed, nobody comes back for the card.
        saved_cards.save_paid(stores, order_id, order.user_id)
        _prepared(stores, order_id, shipment, fresh=stores.deliveries.create(shipment))


def _shipment(stores: Stores, order: OrderSummary) -> Shipment:
    first = Delivery.first(order.estimated(stores.calendar), order.now, projected=False)
    return first.shipment(order.order_id, order.address)


@again_if_lost
def _prepared(stores: Stores, order_id: UUID, shipment: Shipment, *, fresh: bool) -> None:
    with stores.transaction():
        order, _ = stores.orders.lock(order_id)
        now = stores.orders.now()
        if order.status is OrderStatus.PAID:
            # The address may have been corrected after it was read for the shipment, by this worker or
            # by one that wrote it and died.
            same = fresh and order.address == shipment.address
            order.prepare(now, stores.calendar, projected=same)
            stores.events.record(order_id, EventKind.PREPARING)
        elif order.status is OrderStatus.REFUNDED:
            # Charged back between the claim and now: the shipment just written must not go out.
            order.withdraw(now, stores.calendar)


def project(stores: Stores) -> int:
    """Carry what Aurora knows of deliveries over to DynamoDB, by writes that may be repeated.

    Raises:
        StoreUnavailable: DynamoDB is unavailable; tried again later.
    """
    with stores.transaction():
        claimed = stores.order_queues.claim_unprojected(BATCH, LEASE)
    return leases.each(
        stores, [claim.order_id for claim in claimed], lambda order_id: _project(stores, order_id)
    )


def _project(stores: Stores, order_id: UUID) -> None:
    # Before the parcels, so that these are never older than the version they are written as.
    order = stores.orders.summary(order_id)
    if order.delivery is None:
        return
    steps = stores.events.untold(order_id, STEPS)
    for step in steps:
        stores.deliveries.record(order_id, step)
    shipment = order.delivery.shipment(order_id, order.address, stores.parcels.of(order_id))
    stores.deliveries.update(order_id, shipment)
    # More steps than one turn takes: the order stays due, and the others get their turn first.
    complete = len(steps) < STEPS
    _projected(stores, order_id, order.delivery.version if complete else None, steps)


@again_if_lost
def _projected(stores: Stores, order_id: UUID, version: int | None, steps: Sequence[Event]) -> None:
    with stores.transaction():
        order, _ = stores.orders.lock(order_id)
        stores.events.told(order_id, [step.event_id for step in steps])
        # Something newer may have come while DynamoDB was being written: then it stays due.
        if order.delivery and order.delivery.version == version:
            order.delivery = replace(order.delivery, projected=True)
        order.claimed_until = None


def look_again(stores: Stores) -> int:
    """Let orders follow whose day has ended: they may be late now, or long overdue. How many there were."""
    today = stores.orders.now().astimezone(stores.calendar.zone).date()
    due = stores.order_queues.to_look_at_again(today, BATCH)
    for order_id in due:
        _look_again(stores, order_id, today)
    return len(due)


@again_if_lost
def _look_again(stores: Stores, order_id: UUID, today: date) -> None:
    with stores.transaction():
        order, _ = stores.orders.lock(order_id)
        if order.delivery and order.delivery.look_again and order.delivery.look_again < today:
            parcels.follow(stores, order)
