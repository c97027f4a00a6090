"""Refunds, decided in one transaction with the order; ``paying_back`` sees to it that they are done."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID, uuid4

from storefront.domain.errors import Conflict, IllegalTransition, NotFound
from storefront.domain.orders import SOLD, EventKind, Order, OrderStatus
from storefront.domain.payments import Payment, PaymentStatus, Provider, RefundReason, StockDisposition
from storefront.domain.refunds import Refund, RefundStatus
from storefront.repositories.aurora.refunds import Line
from storefront.services import parcels
from storefront.stores import Stores, again_if_lost


def refund(
    stores: Stores,
    order_id: UUID,
    *,
    restock: bool,
    reason: RefundReason,
    units: Mapping[str, int] | None = None,
) -> int:
    """Decide that money of a sold order goes back; how much, in cents.

    ``units`` are those to be paid back, by SKU; without them it is all that is not paid back yet. With
    ``restock`` they can be sold again. The last unit ends the order.

    Raises:
        NotFound: there is no such order, or no such line in it.
        IllegalTransition: nothing was paid, or all of it went back already.
        Conflict: fewer units are left than ``units`` says.
    """
    return _refund(stores, order_id, uuid4(), restock, reason, units)


@again_if_lost
def _refund(
    stores: Stores,
    order_id: UUID,
    refund_id: UUID,
    restock: bool,
    reason: RefundReason,
    units: Mapping[str, int] | None,
) -> int:
    with stores.transaction():
        order, payment = stores.orders.lock(order_id)
        # Only the commit's acknowledgement was lost: decided again, it would go back twice.
        stands = stores.refunds.get(refund_id)
        if stands is not None:
            return stands.cents
        return refund_order(
            stores, order, payment, restock=restock, reason=reason, units=units, refund_id=refund_id
        )


def refund_order(
    stores: Stores,
    order: Order,
    payment: Payment,
    *,
    restock: bool,
    reason: RefundReason,
    units: Mapping[str, int] | None = None,
    refund_id: UUID | None = None,
) -> int:
    """Within a transaction that holds the order's lock, as ``refund``."""
    if order.status not in SOLD:
        # The tables would let a pending order pass, for payments of a wrong amount: but it took no units.
        raise IllegalTransition(f"Order {order.number} is {order.status}, so there is nothing to give back")
    lines = stores.refunds.lines(order)
    chosen = _chosen(order, lines, units)
    cents = sum(line.price_cents * chosen.get(line.sku, 0) for line in lines)
    decided = Refund(
        refund_id=refund_id or uuid4(),
        order_id=order.order_id,
        cents=cents,
        restock=restock,
        # Nothing to give back is given back: nobody need be asked.
        status=RefundStatus.DUE if cents else RefundStatus.DONE,
    )
    stores.refunds.add(decided, chosen.items())
    if restock:
        stores.stock.put_back(chosen)
    # Whatever the order waits for, the worker shall look at it at once.
    order.claimed_until = None
    if all(chosen.get(line.sku, 0) == line.left for line in lines):
        _end(stores, order, payment, decided, reason)
    else:
        told = [
            {"sku": line.sku, "name": line.name, "qty": chosen[line.sku]}
            for line in lines
            if line.sku in chosen
        ]
        stores.events.record(
            order.order_id,
            EventKind.PART_REFUND_DUE,
            {"reason": reason, "stock": _kept(restock), "cents": cents, "lines": told},
            event_id=f"part_refund_due:{decided.refund_id}",
        )
    parcels.withdraw(stores, order)
    return cents


def _chosen(order: Order, lines: list[Line], units: Mapping[str, int] | None) -> dict[str, int]:
    """The units of each line to be paid back, all that are left without ``units``."""
    if units is None:
        return {line.sku: line.left for line in lines if line.left}
    left = {line.sku: line.left for line in lines}
    for sku, wanted in units.items():
        if sku not in left:
            raise NotFound(f"Order {order.number} has no line {sku!r}")
        if not 1 <= wanted <= left[sku]:
            raise Conflict(f"Of {sku!r} in order {order.number}, {left[sku]} can be refunded, not {wanted}")
    if not units:
        raise Conflict("No units to refund")
    return dict(units)


def _end(stores: Stores, order: Order, payment: Payment, last: Refund, reason: RefundReason) -> None:
    """With its last unit the whole order is refunded."""
    payment.move(PaymentStatus.REFUNDING)
    order.move(OrderStatus.REFUNDED)
    stores.events.record(
        order.order_id,
        EventKind.REFUND_DUE,
        {"reason": reason, "stock": _kept(last.restock), "cents": last.cents},
    )
    conclude(stores, payment)


def refund_untaken(
    stores: Stores, order: Order, payment: Payment, reason: RefundReason, paid: Mapping[str, object]
) -> None:
    """Within a transaction: all that was ``paid`` must go back; no unit had left the stock for it."""
    payment.move(PaymentStatus.REFUNDING)
    order.move(OrderStatus.REFUNDED)
    cents = paid["cents"]
    assert isinstance(cents, int)
    stores.refunds.add(
        Refund(
            refund_id=uuid4(), order_id=order.order_id, cents=cents, restock=False, status=RefundStatus.DUE
        )
    )
    stores.events.record(
        order.order_id,
        EventKind.REFUND_DUE,
        {"reason": reason, "stock": StockDisposition.NOT_TAKEN, **paid},
    )


def conclude(stores: Stores, payment: Payment) -> None:
    """Within a transaction: a payment is refunded once all that was decided of it went back."""
    if payment.status is not PaymentStatus.REFUNDING or not stores.refunds.all_done(payment.order_id):
        return
    payment.move(PaymentStatus.REFUNDED)
    if payment.provider is not Provider.NONE:
        stores.events.record(payment.order_id, EventKind.REFUND_DONE)


def _kept(restock: bool) -> StockDisposition:
    return StockDisposition.RETURNED if restock else StockDisposition.KEPT_OUT
