"""Ending an order before it is sent, or what of it has not left when some of it has."""

from __future__ import annotations

from uuid import UUID, uuid4

from storefront.domain.errors import Conflict
from storefront.domain.orders import BEFORE_DISPATCH, Actor, EventKind, OrderStatus
from storefront.domain.payments import RefundReason
from storefront.payments.provider import AttemptState
from storefront.payments.stripe_client import Stripe
from storefront.services import parcels
from storefront.services.payments import attempts, refunds, settlement
from storefront.stores import Stores, again_if_lost

_REASONS = {
    Actor.SHOPPER: RefundReason.CANCELLED_BY_SHOPPER,
    Actor.OPERATOR: RefundReason.CANCELLED_BY_OPERATOR,
}


def cancel(
    stores: Stores, stripe: Stripe, order_id: UUID, *, by: Actor, force: bool = False, rest: bool = False
) -> OrderStatus:
    """Cancel an unpaid order, or take a paid one back before dispatch; its status afterwards.

    With ``rest``, once a parcel has left: pay back and restock the units that have not, and let the others
    go on. It has to be asked for: who wanted all of it cancelled may rather have all of it than a part.

    Stripe's page is closed first: while it can still be paid, the goods stay held. With ``force``
    Stripe is not asked: what is paid there after all goes back once it is told.

    Raises:
        NotFound: there is no such order.
        PaymentUnavailable: Stripe does not answer; nothing changed and the hold stands.
        PaidMeanwhile: it was paid in the same moment, or may have been; it is not cancelled.
        Conflict: it is too late, or it ended before.
    """
    order = stores.orders.summary(order_id)
    unknown = False
    if not force and order.status is OrderStatus.PENDING and order.external_ref is not None:
        attempt = stripe.close(order.external_ref)
        if attempt.state is not AttemptState.CLOSED:
            settlement.apply(stores, stripe, order_id, attempt)
            raise attempts.paid_meanwhile(attempt)
        unknown = attempt.unknown
    return _cancel(stores, order_id, order.external_ref, by, uuid4(), unknown=unknown, rest=rest)


@again_if_lost
def _cancel(
    stores: Stores,
    order_id: UUID,
    closed_ref: str | None,
    by: Actor,
    refund_id: UUID,
    *,
    unknown: bool = False,
    rest: bool = False,
) -> OrderStatus:
    with stores.transaction():
        order, payment = stores.orders.lock(order_id)
        if stores.refunds.get(refund_id) is not None:
            return order.status  # only the acknowledgement of the first commit was lost
        if order.status is OrderStatus.PENDING:
            if payment.external_ref != closed_ref:
                raise Conflict("A payment for this order was started in the same moment. Please try again.")
            stores.stock.release([order.cart_id])
            order.move(OrderStatus.CANCELLED)
            stores.events.record(order_id, EventKind.CANCELLED, {"by": by})
            if unknown and closed_ref is not None:
                settlement.lost_sight_of(stores, order_id, closed_ref)
        elif order.status in BEFORE_DISPATCH:
            refunds.refund_order(
                stores, order, payment, restock=True, reason=_REASONS[by], refund_id=refund_id
            )
        elif order.status is OrderStatus.SHIPPED and (here := stores.parcels.packing(order).here):
            if not rest:
                raise Conflict(
                    f"Part of order {order.number} has just left. What has not can still be cancelled."
                )
            # Before the refund: one of a unit that came back would else be taken for that one's.
            parcels.unpack(stores, order)
            units = {line.sku: line.qty for line in here}
            refunds.refund_order(
                stores, order, payment, restock=True, reason=_REASONS[by], units=units, refund_id=refund_id
            )
        elif order.status is not OrderStatus.CANCELLED:
            raise Conflict(f"Order {order.number} is {order.status} and can't be cancelled any more.")
        return order.status
