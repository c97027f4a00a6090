"""What an audit may repair: each in a transaction that locks as the services do, and looks again then."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from storefront.audit.finding import Finding, Remedy
from storefront.audit.invariants.stock import BACK
from storefront.domain.errors import Conflict, NotFound
from storefront.domain.orders import SOLD, OrderStatus
from storefront.domain.refunds import RefundStatus
from storefront.payments.provider import RefundState
from storefront.payments.stripe_client import Stripe
from storefront.repositories.aurora.reading import records
from storefront.services import parcels
from storefront.services.payments import paying_back, settlement
from storefront.stores import Stores


class Tools(NamedTuple):
    """What repairs work with; ``currency`` is the shop's."""

    stores: Stores
    stripe: Stripe


def repair(tools: Tools, finding: Finding) -> str:
    """Mend one finding; what was done, in words.

    What only needs the worker's next round is made due for it.

    Raises:
        Conflict: there is no safe remedy (any more); ``finding.advice`` tells what to do.
        StoreUnavailable, PaymentUnavailable: it could not be done now.
    """
    if finding.remedy is None:
        raise Conflict(finding.advice)
    return REMEDIES[finding.remedy](tools, finding)


class StockLevel(NamedTuple):
    """In units."""

    quantity: int
    reserved: int
    received: int


_LOCK_STOCK = text("SELECT quantity, reserved, received FROM stock WHERE sku = :sku FOR UPDATE")
_HELD = text("""
    SELECT coalesce(sum(i.qty), 0)::bigint FROM cart_items i JOIN orders o USING (cart_id)
     WHERE i.sku = :sku AND o.status = 'pending'
""")
_SOLD_UNITS = text(f"""
    SELECT coalesce(sum(i.qty - coalesce(b.restocked, 0)), 0)::bigint
      FROM cart_items i JOIN orders o USING (cart_id)
      LEFT JOIN ({BACK}) b ON b.order_id = o.order_id AND b.sku = i.sku
     WHERE i.sku = :sku AND (o.status = ANY(:sold) OR o.status = 'refunded' AND b.sku IS NOT NULL)
""")  # noqa: S608 - made of a constant alone


def _recount(tools: Tools, finding: Finding) -> str:
    stores, sku = tools.stores, finding.sku
    with stores.transaction():
        # Whoever changes what is held of a SKU locks its row before it commits, so that the sum, taken in
        # a statement after the lock, belongs to the reserved units read here.
        row = _lock_stock(stores, sku)
        held = stores.db.session.execute(_HELD, {"sku": sku}).scalar_one()
        if held > row.quantity:
            raise Conflict(f"{sku}: {held} are held by pending orders, and only {row.quantity} are on hand")
        stores.db.session.execute(
            text("UPDATE stock SET reserved = :held WHERE sku = :sku"), {"held": held, "sku": sku}
        )
    return f"{sku}: reserved set from {row.reserved} to {held}"


def _restate(tools: Tools, finding: Finding) -> str:
    """What is on hand and what was sold are facts that orders rest on; received only adds them up."""
    stores, sku = tools.stores, finding.sku
    with stores.transaction():
        row = _lock_stock(stores, sku)
        sold = stores.db.session.execute(_SOLD_UNITS, {"sku": sku, "sold": sorted(SOLD)}).scalar_one()
        received = row.quantity + sold
        stores.db.session.execute(
            text("UPDATE stock SET received = :received WHERE sku = :sku"), {"received": received, "sku": sku}
        )
    return (
        f"{sku}: received set from {row.received} to {received}. Count what is on hand, "
        f"{row.quantity} by the books, and correct it with: storefront stock set {sku} N"
    )


def _lock_stock(stores: Stores, sku: str | None) -> StockLevel:
    found = records(StockLevel, stores.db.rows(_LOCK_STOCK, {"sku": sku}))
    if not found:
        raise NotFound(f"There is no product with the SKU {sku!r}")
    return found[0]


def _requeue(tools: Tools, finding: Finding) -> str:
    stores = tools.stores
    with stores.transaction():
        order, _ = stores.orders.lock(_order_id(finding))
        order.claimed_until = None
    return f"Order {order.number} is due for the worker at once"


def _carry_over(tools: Tools, finding: Finding) -> str:
    stores, order_id = tools.stores, _order_id(finding)
    view = stores.orders.summary(order_id)
    if view.delivery is None:
        raise Conflict(f"Order {view.number} has no delivery")
    written = stores.deliveries.written([order_id]).get(order_id)
    if written is None:
        packed = stores.parcels.of(order_id)
        stores.deliveries.create(view.delivery.shipment(order_id, view.address, packed))
    with stores.transaction():
        order, _ = stores.orders.lock(order_id)
        # DynamoDB takes no version older than its own.
        order.redeliver(after=written.version if written else 1)
    return f"Order {order.number}: its parcel is due to be told to DynamoDB again"


def _follow(tools: Tools, finding: Finding) -> str:
    stores, order_id = tools.stores, _order_id(finding)
    with stores.transaction():
        order, _ = stores.orders.lock(order_id)
        parcels.follow(stores, order)
    return f"Order {order.number} follows from its parcels again"


def _stop_parcel(tools: Tools, finding: Finding) -> str:
    stores, order_id = tools.stores, _order_id(finding)
    with stores.transaction():
        order, _ = stores.orders.lock(order_id)
        if order.status is not OrderStatus.REFUNDED:
            raise Conflict(f"Order {order.number} is {order.status}")
        parcels.withdraw(stores, order)
    return f"Order {order.number}: its shipment is cancelled. Make sure that no parcel goes out"


def _settle(tools: Tools, finding: Finding) -> str:
    order = tools.stores.orders.summary(_order_id(finding))
    status = settlement.settle(tools.stores, tools.stripe, order)
    return f"Order {order.number} is now {status}"


def _note_duplicate(tools: Tools, finding: Finding) -> str:
    if finding.ref is None:
        raise Conflict("The payment is not known")
    settlement.apply(tools.stores, tools.stripe, _order_id(finding), tools.stripe.retrieve(finding.ref))
    return f"{_name(tools, finding)}: the second charge is due to be refunded"


def _note_refund(tools: Tools, finding: Finding) -> str:
    stores, order_id = tools.stores, _order_id(finding)
    order = stores.orders.summary(order_id)
    if order.external_ref is None:
        raise Conflict(f"Order {order.number} has no payment at Stripe")
    charged = tools.stripe.charged(order.external_ref)
    refunds = stores.refunds.of(order_id)
    if charged.intent is None or charged.refunded_cents < sum(one.cents for one in refunds):
        raise Conflict(f"Order {order.number}: Stripe has not given all of it back")
    claimed = {one.external_ref for one in refunds if one.status is RefundStatus.DONE}
    by_hand = [
        told.ref
        for told in tools.stripe.refunds.of(charged.intent)
        if told.ref not in claimed and told.state is not RefundState.REFUSED
    ]
    if not by_hand:
        raise Conflict(f"Order {order.number}: Stripe gave nothing back that is not written down")
    for count, one in enumerate(one for one in refunds if one.status is not RefundStatus.DONE):
        # One refund by hand may stand for several of ours.
        ref = by_hand[min(count, len(by_hand) - 1)]
        paying_back.record(stores, order_id, one.refund_id, RefundState.DONE, ref)
    return f"Order {order.number}: what Stripe gave back is written down as done"


def _order_id(finding: Finding) -> UUID:
    if finding.order_id is None:
        raise Conflict("This is about no single order")
    return finding.order_id


def _name(tools: Tools, finding: Finding) -> str:
    return f"Order {tools.stores.orders.summary(_order_id(finding)).number}"


REMEDIES: dict[Remedy, Callable[[Tools, Finding], str]] = {
    Remedy.RECOUNT: _recount,
    Remedy.RESTATE: _restate,
    Remedy.REQUEUE: _requeue,
    Remedy.CARRY_OVER: _carry_over,
    Remedy.FOLLOW: _follow,
    Remedy.STOP_PARCEL: _stop_parcel,
    Remedy.SETTLE: _settle,
    Remedy.NOTE_DUPLICATE: _note_duplicate,
    Remedy.NOTE_REFUND: _note_refund,
}
