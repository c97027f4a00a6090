"""What was decided to go back goes back: Stripe is asked until each refund is done or refused."""

from __future__ import annotations

from uuid import UUID

from storefront.domain.attention import AttentionKind
from storefront.domain.errors import PaymentRefused
from storefront.domain.order_views import OrderRefund, OrderSummary
from storefront.domain.orders import EventKind
from storefront.domain.payments import PaymentStatus, StockDisposition
from storefront.domain.refunds import Refund, RefundStatus
from storefront.payments.provider import RefundState
from storefront.payments.stripe_client import Stripe
from storefront.repositories.aurora.order_queues import DUPLICATE_DONE
from storefront.services import attention
from storefront.services.payments import refunds
from storefront.stores import Stores, again_if_lost


def finish(stores: Stores, stripe: Stripe, order_id: UUID) -> None:
    """Ask Stripe for every refund of an order that is due, as often as it takes; each is done once.

    Raises:
        PaymentUnavailable: later.
    """
    order = stores.orders.summary(order_id)
    if order.payment_status is PaymentStatus.REFUNDING:
        _adopt(stores, order)
    due = [one for one in stores.refunds.of(order_id) if one.status is RefundStatus.DUE]
    if due:
        intent = _intent(stripe, order)
        for one in due:
            _give(stores, stripe, order_id, intent, one)


def _give(stores: Stores, stripe: Stripe, order_id: UUID, intent: str | None, one: OrderRefund) -> None:
    told = stripe.refunds.give(intent, one.refund_id, order_id, one.cents) if intent else None
    if told is None:
        record(stores, order_id, one.refund_id, RefundState.REFUSED)
    else:
        record(stores, order_id, one.refund_id, told.state, told.ref)


def _intent(stripe: Stripe, order: OrderSummary) -> str | None:
    """What the order was charged by; None if Stripe knows of no such charge."""
    if order.external_ref is None:
        return None
    try:
        return stripe.retrieve(order.external_ref).intent
    except PaymentRefused:
        return None


@again_if_lost
def record(
    stores: Stores, order_id: UUID, refund_id: UUID, state: RefundState, ref: str | None = None
) -> None:
    """Write how a refund went: done, or refused for an operator to look at. ``ref`` is Stripe's id of it."""
    with stores.transaction():
        order, payment = stores.orders.lock(order_id)
        refund = stores.refunds.get(refund_id)
        if refund is None or refund.order_id != order_id:
            return
        refund.external_ref = ref or refund.external_ref
        if state is RefundState.PENDING:
            return
        # The claim was for the refund alone: other jobs may have to do with this order.
        order.claimed_until = None
        if state is RefundState.REFUSED:
            # Also after it was done: banks send refunds back.
            refund.status = RefundStatus.REFUSED
            if stores.events.record(
                order_id,
                EventKind.REFUND_REFUSED,
                {"cents": refund.cents},
                event_id=f"refund_refused:{refund_id}",
            ):
                attention.raise_(stores, AttentionKind.REFUND_REFUSED, str(refund_id), order_id)
        elif refund.status is not RefundStatus.DONE:
            refund.status = RefundStatus.DONE
            # It may have been refused before, and given back at Stripe by hand.
            attention.resolve(stores, AttentionKind.REFUND_REFUSED, str(refund_id))
            if payment.status is PaymentStatus.CAPTURED:
                stores.events.record(
                    order_id,
                    EventKind.PART_REFUND_DONE,
                    {"cents": refund.cents},
                    event_id=f"part_refund_done:{refund_id}",
                )
        refunds.conclude(stores, payment)


def follow(stores: Stores, stripe: Stripe, order: OrderSummary) -> None:
    """Let an order's refunds follow what Stripe tells of each; those made in its dashboard are not ours.

    Raises:
        PaymentUnavailable: Stripe does not answer.
    """
    ours = {str(one.refund_id): one for one in stores.refunds.of(order.order_id)}
    intent = _intent(stripe, order) if ours else None
    if intent is None:
        return
    for told in stripe.refunds.of(intent):
        one = ours.get(told.refund_id or "")
        if one is not None:
            record(stores, order.order_id, one.refund_id, told.state, told.ref)


@again_if_lost
def _adopt(stores: Stores, summary: OrderSummary) -> None:
    """Give an order that an older version of the shop decided to refund, as a whole, its row here.

    Both versions run side by side during a deployment, and the older one knows of no such rows.
    """
    with stores.transaction():
        order, payment = stores.orders.lock(summary.order_id)
        if payment.status is not PaymentStatus.REFUNDING or stores.refunds.of(order.order_id):
            return
        due = next(e for e in stores.events.of(order.order_id) if e.kind is EventKind.REFUND_DUE)
        stock = StockDisposition(str(due.data["stock"]))
        stores.refunds.add(
            Refund(
                refund_id=payment.payment_id,
                order_id=order.order_id,
                cents=int(str(due.data["cents"])),
                restock=stock is StockDisposition.RETURNED,
                status=RefundStatus.DUE,
            ),
            []
            if stock is StockDisposition.NOT_TAKEN
            else [(line.sku, line.qty) for line in stores.refunds.lines(order)],
        )


def refund_duplicates(stores: Stores, stripe: Stripe, limit: int = 20) -> int:
    """Refund duplicate captures by their own ids; how many are done.

    Raises:
        PaymentUnavailable: later.
    """
    done = 0
    for order_id, event_id, intent in stores.order_queues.duplicate_captures(limit):
        try:
            state = stripe.refunds.give_all(intent, f"{intent}-refund")
        except PaymentRefused:
            state = RefundState.REFUSED
        if state is RefundState.PENDING:
            continue
        _duplicate_seen_to(stores, order_id, event_id, intent, state)
        done += 1
    return done


@again_if_lost
def _duplicate_seen_to(
    stores: Stores, order_id: UUID, event_id: str, intent: str, state: RefundState
) -> None:
    with stores.transaction():
        kind = EventKind.DUPLICATE_REFUNDED if state is RefundState.DONE else EventKind.FLAGGED
        fresh = stores.events.record(order_id, kind, {"intent": intent}, event_id=event_id + DUPLICATE_DONE)
        if fresh and kind is EventKind.FLAGGED:
            attention.raise_(stores, AttentionKind.REFUND_REFUSED, intent, order_id)
