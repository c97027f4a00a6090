"""Ending an order before it is sent."""

from __future__ import annotations

from uuid import UUID

from storefront.domain.errors import Conflict
from storefront.domain.orders import BEFORE_DISPATCH, Actor, EventKind, OrderStatus
from storefront.domain.payments import RefundReason
from storefront.payments.provider import AttemptState
from storefront.payments.stripe_client import Stripe
from storefront.services.payments import attempts, refunds, settlement
from storefront.stores import Stores, again_if_lost

_REASONS = {
    Actor.SHOPPER: RefundReason.CANCELLED_BY_SHOPPER,
    Actor.OPERATOR: RefundReason.CANCELLED_BY_OPERATOR,
}


def cancel(stores: Stores, stripe: Stripe, order_id: UUID, *, by: Actor, force: bool = False) -> OrderStatus:
    """Cancel an unpaid order, or take a paid one back before dispatch; its status afterwards.

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
    return _cancel(stores, order_id, order.external_ref, by, unknown=unknown)


@again_if_lost
def _cancel(
    stores: Stores, order_id: UUID, closed_ref: str | None, by: Actor, *, unknown: bool = False
) -> OrderStatus:
    with stores.transaction():
        order, payment = stores.orders.lock(order_id)
        if order.status is OrderStatus.PENDING:
            if payment.external_ref != closed_ref:
                raise Conflict("A payment for this order was started in the same moment. Please try again.")
            stores.stock.release([order.cart_id])
            order.move(OrderStatus.CANCELLED)
            stores.events.record(order_id, EventKind.CANCELLED, {"by": by})
            if unknown and closed_ref is not None:
                settlement.lost_sight_of(stores, order_id, closed_ref)
        elif order.status in BEFORE_DISPATCH:
            refunds.refund_order(stores, order, payment, restock=True, reason=_REASONS[by])
        elif order.status is not OrderStatus.CANCELLED:
            raise Conflict(f"Order {order.number} is {order.status} and can't be cancelled any more.")
        return order.status
