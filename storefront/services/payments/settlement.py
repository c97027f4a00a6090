"""Settlement: an order follows what Stripe tells of its payment.

``settle`` asks Stripe for the truth, ``apply`` lets the order follow it; nothing else makes an order paid.
"""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

from storefront.domain.attention import AttentionKind
from storefront.domain.order_views import OrderSummary
from storefront.domain.orders import EventKind, Order, OrderStatus
from storefront.domain.payments import Payment, PaymentStatus, Provider, RefundReason
from storefront.payments.provider import Attempt, AttemptState
from storefront.payments.stripe_client import Stripe
from storefront.services import attention
from storefront.services.payments.refunds import refund_untaken
from storefront.stores import Stores, again_if_lost

CHECKED = frozenset(
    {EventKind.PAYMENT_CHECKING, EventKind.PAYMENT_OPEN, EventKind.PAYMENT_FAILED, EventKind.PAYMENT_STARTED}
)
"""Each of these says anew what is known of a payment's outcome; the latest counts."""


def settle(stores: Stores, stripe: Stripe, order: OrderSummary) -> OrderStatus:
    """Ask Stripe how an order's payment stands and let the order follow; its status afterwards.

    Raises:
        PaymentUnavailable: Stripe does not answer; nothing changed.
    """
    if order.provider is Provider.NONE or order.external_ref is None:
        return order.status
    return apply(stores, stripe, order.order_id, stripe.retrieve(order.external_ref))


@again_if_lost
def apply(stores: Stores, stripe: Stripe, order_id: UUID, attempt: Attempt) -> OrderStatus:
    """Let an order follow what Stripe told of one attempt, in one transaction.

    Of ``stripe`` only its currency is wanted, by which the attempt is judged: it is not asked again.

    Raises:
        NotFound: there is no such order.
    """
    with stores.transaction():
        order, payment = stores.orders.lock(order_id)
        if attempt.state is AttemptState.CAPTURED:
            _captured(stores, order, payment, attempt, stripe.currency)
        elif payment.external_ref == attempt.ref and order.status is OrderStatus.PENDING:
            _unpaid(stores, order, payment, attempt)
        return order.status


def _captured(stores: Stores, order: Order, payment: Payment, attempt: Attempt, currency: str) -> None:
    if payment.external_ref != attempt.ref:
        _duplicate(stores, order, attempt)
        return
    if payment.status not in (PaymentStatus.PENDING, PaymentStatus.FAILED):
        return
    paid = _told(attempt)
    if attempt.captured_cents != order.total_cents or attempt.currency != currency:
        if order.status is OrderStatus.PENDING:
            stores.stock.release([order.cart_id])
        refund_untaken(stores, order, payment, RefundReason.WRONG_AMOUNT, paid)
        stores.events.record(
            order.order_id,
            EventKind.FLAGGED,
            {"reason": RefundReason.WRONG_AMOUNT, **paid},
            event_id="flag:amount",
        )
        attention.raise_(stores, AttentionKind.AMOUNT_MISMATCH, attempt.intent or attempt.ref, order.order_id)
    elif order.status is OrderStatus.PENDING:
        stores.stock.take_reserved([order.cart_id])
        payment.move(PaymentStatus.CAPTURED)
        order.pay(stores.orders.now(), stores.calendar)
        stores.events.record(order.order_id, EventKind.PAID, paid)
    elif order.status is OrderStatus.EXPIRED and _revive(stores, order):
        payment.move(PaymentStatus.CAPTURED)
        order.pay(stores.orders.now(), stores.calendar)
        stores.events.record(order.order_id, EventKind.PAID_LATE, paid)
    else:
        refund_untaken(stores, order, payment, _too_late(stores, order), paid)
    # Whatever was due, the worker shall look at this order at once.
    order.claimed_until = None


def lost_sight_of(stores: Stores, order_id: UUID, ref: str) -> None:
    """Within a transaction that lets an order go on without its payment object, which Stripe does not know:
    if it was made in another account or mode, somebody may have paid it there."""
    attention.raise_(
        stores,
        AttentionKind.ORDER_STUCK,
        ref,
        order_id,
        text="Stripe does not know this order's payment. Was the key changed? Give back what was paid there.",
    )


def _duplicate(stores: Stores, order: Order, attempt: Attempt) -> None:
    """A second payment object took money for the same order: it goes back by its own id."""
    stores.events.record(
        order.order_id,
        EventKind.DUPLICATE_CAPTURE,
        {"ref": attempt.ref, "intent": attempt.intent, "cents": attempt.captured_cents},
        event_id=f"stray:{attempt.intent or attempt.ref}",
    )


def _told(attempt: Attempt) -> dict[str, object]:
    """What the order's event keeps of a capture."""
    paid: dict[str, object] = {
        "cents": attempt.captured_cents,
        "currency": attempt.currency,
        "intent": attempt.intent,
    }
    if attempt.card and attempt.stripe_customer:
        paid["kept"] = {"customer": attempt.stripe_customer, "card": asdict(attempt.card)}
    return paid


def _revive(stores: Stores, order: Order) -> bool:
    """Take the stock of a lapsed order again; a hold is never revived without it."""
    if stores.events.happened(order.order_id, EventKind.REORDERED):
        return False
    return stores.stock.take_free(order.cart_id)


def _too_late(stores: Stores, order: Order) -> RefundReason:
    """Why an order that has ended can't be paid any more."""
    if stores.events.happened(order.order_id, EventKind.REORDERED):
        return RefundReason.ORDERED_AGAIN
    return RefundReason.CANCELLED if order.status is OrderStatus.CANCELLED else RefundReason.TOO_LATE


# --- not paid, or not known


def _unpaid(stores: Stores, order: Order, payment: Payment, attempt: Attempt) -> None:
    if attempt.state is AttemptState.PROCESSING:
        _tell_checked(stores, order, EventKind.PAYMENT_CHECKING)
    elif attempt.failure and payment.status is PaymentStatus.PENDING:
        decline(stores, order, payment, attempt.failure)
    else:
        _tell_checked(stores, order, EventKind.PAYMENT_OPEN)


def decline(stores: Stores, order: Order, payment: Payment, message: str) -> None:
    """Within a transaction: a card was declined; ``message`` is what the shopper shall read about it."""
    if payment.status is PaymentStatus.PENDING:
        payment.move(PaymentStatus.FAILED)
    stores.events.record(
        order.order_id,
        EventKind.PAYMENT_FAILED,
        {"message": message},
        event_id=f"payment_failed:{payment.attempt}:{message}"[:200],
    )


@again_if_lost
def note_checking(stores: Stores, order_id: UUID) -> None:
    """The shopper says it is paid and Stripe can't be asked: tell "checking", never "failed"."""
    with stores.transaction():
        order, _ = stores.orders.lock(order_id)
        if order.status is OrderStatus.PENDING:
            _tell_checked(stores, order, EventKind.PAYMENT_CHECKING)
            order.claimed_until = None


def _tell_checked(stores: Stores, order: Order, kind: EventKind) -> None:
    """Tell that an outcome is unknown, or known to be open after all: in turns, as often as it turns.

    The order's lock is held, so that counting what was told makes an id of its own for each.
    """
    told = [event.kind for event in stores.events.of(order.order_id) if event.kind in CHECKED]
    checking = bool(told) and told[-1] is EventKind.PAYMENT_CHECKING
    if checking is not (kind is EventKind.PAYMENT_CHECKING):
        stores.events.record(order.order_id, kind, event_id=f"{kind}:{len(told)}")
