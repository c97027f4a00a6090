"""What an audit may mend: each in a transaction that locks as the services do, and looks again then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from storefront.domain.deliveries import Shipment, ShipmentStatus
from storefront.domain.errors import Conflict, NotFound
from storefront.domain.orders import SOLD, Order, OrderStatus, PaymentStatus
from storefront.payments.provider import RefundState
from storefront.payments.stripe_client import Stripe
from storefront.services import payments
from storefront.services.audit.finding import Finding, Remedy
from storefront.services.fulfilment import redeliver, withdraw
from storefront.stores import Stores


class Tools(NamedTuple):
    stores: Stores
    stripe: Stripe
    currency: str


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


_LOCK_STOCK = text("SELECT quantity, reserved, received FROM stock WHERE sku = :sku FOR UPDATE")
_HELD = text("""
    SELECT coalesce(sum(i.qty), 0)::bigint FROM cart_items i JOIN orders o USING (cart_id)
     WHERE i.sku = :sku AND o.status = 'pending'
""")
_SOLD_UNITS = text("""
    SELECT coalesce(sum(i.qty), 0)::bigint FROM cart_items i JOIN orders o USING (cart_id)
     WHERE i.sku = :sku AND (o.status = ANY(:sold) OR o.status = 'refunded' AND EXISTS (
        SELECT FROM order_events e WHERE e.order_id = o.order_id
           AND e.kind = 'refund_due' AND e.data ->> 'stock' = 'kept_out'))
""")


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


def _lock_stock(stores: Stores, sku: str | None) -> Any:
    row = stores.db.session.execute(_LOCK_STOCK, {"sku": sku}).one_or_none()
    if row is None:
        raise NotFound(f"There is no product with the SKU {sku!r}")
    return row


def _requeue(tools: Tools, finding: Finding) -> str:
    stores = tools.stores
    with stores.transaction():
        order, _ = stores.orders.lock(_order_id(finding))
        order.claimed_until = None
    return f"Order {order.number} is due for the worker at once"


def _carry_over(tools: Tools, finding: Finding) -> str:
    stores, order_id = tools.stores, _order_id(finding)
    view = stores.orders.head(order_id)
    if view.delivery is None:
        raise Conflict(f"Order {view.number} has no delivery")
    written = stores.deliveries.written([order_id]).get(order_id)
    if written is None:
        stores.deliveries.create(
            Shipment(
                order_id=str(order_id),
                status=ShipmentStatus(view.delivery["status"]),
                carrier=view.delivery["carrier"],
                tracking_code=view.delivery["tracking_code"],
                estimated_delivery=date.fromisoformat(view.delivery["estimated"]),
                address=view.address,
            )
        )
    with stores.transaction():
        order, _ = stores.orders.lock(order_id)
        # DynamoDB takes no version older than its own.
        _outdo(order, written.version if written else 1)
        redeliver(order)
    return f"Order {order.number}: its parcel is due to be told to DynamoDB again"


def _outdo(order: Order, version: int) -> None:
    if order.delivery is not None and int(order.delivery["version"]) < version:
        order.delivery = {**order.delivery, "version": version}


def _stop_parcel(tools: Tools, finding: Finding) -> str:
    stores, order_id = tools.stores, _order_id(finding)
    with stores.transaction():
        order, _ = stores.orders.lock(order_id)
        if order.state is not OrderStatus.REFUNDED:
            raise Conflict(f"Order {order.number} is {order.status}")
        withdraw(order, stores.orders.now())
    return f"Order {order.number}: its shipment is cancelled. Make sure that no parcel goes out"


def _settle(tools: Tools, finding: Finding) -> str:
    status = payments.settle(tools.stores, tools.stripe, _order_id(finding), tools.currency)
    return f"{_name(tools, finding)} is now {status}"


def _note_stray(tools: Tools, finding: Finding) -> str:
    if finding.ref is None:
        raise Conflict("The payment is not known")
    payments.apply(tools.stores, _order_id(finding), tools.stripe.look(finding.ref), tools.currency)
    return f"{_name(tools, finding)}: the second charge is due to be refunded"


def _note_refund(tools: Tools, finding: Finding) -> str:
    stores, order_id = tools.stores, _order_id(finding)
    order = stores.orders.head(order_id)
    if order.payment_status is not PaymentStatus.REFUNDING or order.external_ref is None:
        raise Conflict(f"Order {order.number} has a {order.payment_status} payment")
    taken = tools.stripe.taken(order.external_ref)
    if taken.refunded_cents != taken.captured_cents:
        raise Conflict(f"Order {order.number}: Stripe has not given all of it back")
    payments.record_refund(stores, order_id, RefundState.DONE)
    return f"Order {order.number}: the refund is written down as done"


def _order_id(finding: Finding) -> UUID:
    if finding.order_id is None:
        raise Conflict("This is about no single order")
    return finding.order_id


def _name(tools: Tools, finding: Finding) -> str:
    return f"Order {tools.stores.orders.head(_order_id(finding)).number}"


REMEDIES: dict[Remedy, Callable[[Tools, Finding], str]] = {
    Remedy.RECOUNT: _recount,
    Remedy.RESTATE: _restate,
    Remedy.REQUEUE: _requeue,
    Remedy.CARRY_OVER: _carry_over,
    Remedy.STOP_PARCEL: _stop_parcel,
    Remedy.SETTLE: _settle,
    Remedy.NOTE_STRAY: _note_stray,
    Remedy.NOTE_REFUND: _note_refund,
}
