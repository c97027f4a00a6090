"""Ending an order before it is sent."""

from __future__ import annotations

from uuid import UUID

from storefront.domain.errors import Conflict
from storefront.domain.orders import BEFORE_DISPATCH, Kind, OrderStatus
from storefront.payments.provider import AttemptState
from storefront.payments.stripe_client import Stripe
from storefront.services import payments
from storefront.stores import Stores, again_if_lost


def cancel(stores: Stores, stripe: Stripe, order_id: UUID, currency: str, *, by: str) -> OrderStatus:
    """Cancel an unpaid order, or take a paid one back before dispatch; its status afterwards.

    Stripe's page is closed first: while it can still be paid, the goods stay held. ``by`` is ``shopper``
    or ``operator``.

    Raises:
        NotFound: there is no such order.
        PaymentUnavailable: Stripe does not answer; nothing changed and the hold stands.
        PaidMeanwhile: it was paid in the same moment, or may have been; it is not cancelled.
        Conflict: it is too late, or it ended before.
    """
    order = stores.orders.head(order_id)
    if order.status is OrderStatus.PENDING and order.external_ref is not None:
        attempt = stripe.close(order.external_ref)
        if attempt.state is not AttemptState.CLOSED:
            payments.apply(stores, order_id, attempt, currency)
            raise payments.overtaken(attempt)
    return _cancel(stores, order_id, order.external_ref, by)


@again_if_lost
def _cancel(stores: Stores, order_id: UUID, closed_ref: str | None, by: str) -> OrderStatus:
    with stores.transaction():
        order, payment = stores.orders.lock(order_id)
        if order.state is OrderStatus.PENDING:
            if payment.external_ref != closed_ref:
                raise Conflict("A payment for this order was started in the same moment. Please try again.")
            stores.stock.release([order.cart_id])
            order.move(OrderStatus.CANCELLED)
            stores.events.record(order_id, Kind.CANCELLED, {"by": by})
        elif order.state in BEFORE_DISPATCH:
            payments.give_back_sold(stores, order, payment, restock=True, reason=f"cancelled_by_{by}")
        elif order.state is not OrderStatus.CANCELLED:
            raise Conflict(f"Order {order.number} is {order.status} and can't be cancelled any more.")
        return order.state
