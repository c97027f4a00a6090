"""Payments: started, settled and refunded so that every one of them ends well.

``settle`` is the one way money moves an order: the shopper's return, Stripe's webhook and the worker all
call it, it asks Stripe for the truth, and the order's row lock lets one of them win.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from uuid import UUID

from storefront.domain.errors import (
    HoldLapsed,
    IllegalTransition,
    PaidMeanwhile,
    PaymentRefused,
    PaymentUnavailable,
)
from storefront.domain.orders import (
    BEFORE_DISPATCH,
    SOLD,
    Kind,
    Order,
    OrderStatus,
    OrderView,
    Payment,
    PaymentStatus,
    Provider,
)
from storefront.payments.answers import REMEMBERED
from storefront.payments.provider import Attempt, AttemptState, ChargeRequest, RefundState
from storefront.payments.stripe_client import Stripe
from storefront.repositories.aurora.orders import STRAY_DONE
from storefront.services.fulfilment import withdraw
from storefront.stores import Stores, again_if_lost

CHECKED = frozenset({Kind.PAYMENT_CHECKING, Kind.PAYMENT_OPEN, Kind.PAYMENT_FAILED, Kind.PAYMENT_STARTED})
"""Each of these says anew what is known of a payment's outcome; the latest counts."""

STRIPE_LEAST = timedelta(minutes=35)
"""A Checkout Session lives at least 30 minutes; five more for clocks that differ."""


@dataclass(frozen=True)
class ReturnAddresses:
    """Where Stripe sends the shopper. Must not differ between two calls for the same attempt."""

    success: str
    cancel: str


Addresses = Callable[[OrderView, int], ReturnAddresses]


def closes_at(order: OrderView) -> int:
    """When the hosted page of an order closes by itself, in seconds since 1970.

    Past any extension, and the same for every attempt, since a repeated call to Stripe must repeat its
    parameters; the hold itself is ended by expiring the page.
    """
    return int((order.created_at + 2 * order.hold + STRIPE_LEAST).timestamp())


def start(
    stores: Stores,
    stripe: Stripe,
    order_id: UUID,
    addresses: Addresses,
    currency: str,
    *,
    keep_for: str | None = None,
) -> str:
    """The address of Stripe's page for an order, the one that is open or a new one.

    With ``keep_for``, one of Stripe's customers, the card that pays is kept for them.

    Raises:
        HoldLapsed: the hold is over.
        PaidMeanwhile: the order is paid.
        PaymentUnavailable: Stripe does not answer; the order stands and may be paid later.
        PaymentRefused: Stripe will not take this payment.
    """
    order = payable(stores, order_id)
    if order.external_ref is not None:
        attempt = open_attempt(
            stores,
            stripe,
            order,
            currency,
            lambda attempt: bool(attempt.url) and keep_for in (None, attempt.customer),
        )
        if attempt is not None:
            return str(attempt.url)
        order = payable(stores, order_id)
    lines = stores.orders.lines(order.cart_id)
    closing = closes_at(order)
    back = addresses(order, closing)
    request = ChargeRequest(
        # Stripe refuses a key that comes back with other parameters, so this wish is part of it.
        key=f"{order.payment_id}-{order.attempt}" + (f"-{keep_for}" if keep_for else ""),
        order_id=str(order_id),
        number=order.number,
        email=order.email,
        currency=currency,
        lines=tuple((line.name, line.price_cents, line.qty) for line in lines),
        closes_at=closing,
        success_url=back.success,
        cancel_url=back.cancel,
        customer=keep_for,
    )
    try:
        attempt = stripe.open_checkout(request)
    except PaymentRefused as refused:
        # A definite no to this attempt's key, which would be answered the same for a day.
        skip_attempt(stores, order_id, order.attempt)
        if refused.code == REMEMBERED:
            # Of a failure long past: the next key is new, so this can't go on.
            return start(stores, stripe, order_id, addresses, currency, keep_for=keep_for)
        raise
    hold_or_close(stores, stripe, order, attempt.ref)
    if not attempt.url:
        raise PaymentUnavailable("Our payment service does not answer right now.")
    return attempt.url


def open_attempt(
    stores: Stores,
    stripe: Stripe,
    order: OrderView,
    currency: str,
    usable: Callable[[Attempt], bool],
) -> Attempt | None:
    """An order's one live payment object if it is open and ``usable``; else none is left that can be paid,
    and the order is ready for its next attempt.

    Raises:
        PaidMeanwhile: it took the money, or may be about to.
        PaymentUnavailable: it may still be payable.
    """
    ref = order.external_ref
    if ref is None:
        return None
    attempt = stripe.look(ref)
    if attempt.state is AttemptState.OPEN:
        if usable(attempt):
            return attempt
        attempt = stripe.close(ref)
    if attempt.state is not AttemptState.CLOSED:
        apply(stores, order.order_id, attempt, currency)
        raise overtaken(attempt)
    next_attempt(stores, order.order_id, ref)
    return None


def hold_or_close(stores: Stores, stripe: Stripe, order: OrderView, ref: str) -> None:
    """Store the id of a payment object that nobody can have paid yet; one that can't be stored is closed.

    Raises:
        HoldLapsed: the hold ended, or another tab started another attempt, while Stripe was answering.
    """
    if not keep_ref(stores, order.order_id, order.attempt, ref):
        stripe.close(ref)
        raise HoldLapsed("The hold on these goods has ended.")


def overtaken(attempt: Attempt) -> PaidMeanwhile:
    """What to say when an attempt could not be closed because the shopper was faster."""
    if attempt.state is AttemptState.PROCESSING:
        return PaidMeanwhile("A payment for this order is under way, and we're still checking it.")
    return PaidMeanwhile("This order has just been paid.")


def payable(stores: Stores, order_id: UUID) -> OrderView:
    order = stores.orders.head(order_id)
    if order.status is OrderStatus.PENDING and order.held:
        return order
    if order.status in (OrderStatus.PENDING, OrderStatus.EXPIRED, OrderStatus.CANCELLED):
        raise HoldLapsed("The hold on these goods has ended, so they can't be paid for any more.")
    raise PaidMeanwhile("This order is paid already.")


@again_if_lost
def next_attempt(stores: Stores, order_id: UUID, closed_ref: str) -> None:
    """After an attempt that can't be paid any more: the next number, hence a fresh idempotency key."""
    with stores.transaction():
        order, payment = stores.orders.lock(order_id)
        if order.state is OrderStatus.PENDING and payment.external_ref == closed_ref:
            payment.external_ref = None
            payment.attempt += 1
            if payment.state is PaymentStatus.FAILED:
                payment.move(PaymentStatus.PENDING)


@again_if_lost
def skip_attempt(stores: Stores, order_id: UUID, attempt: int, failure: str | None = None) -> None:
    """After a definite no before there was anything to pay: a fresh key for the next try. ``failure`` is what
    the shopper shall read about it."""
    with stores.transaction():
        order, payment = stores.orders.lock(order_id)
        if payment.external_ref is None and payment.attempt == attempt:
            if failure and order.state is OrderStatus.PENDING:
                _declined(stores, order, payment, failure)
            payment.attempt += 1


@again_if_lost
def keep_ref(stores: Stores, order_id: UUID, attempt: int, ref: str) -> bool:
    """Store an attempt's id before anybody can pay it; False if the order has moved on."""
    with stores.transaction():
        order, payment = stores.orders.lock(order_id)
        if order.state is not OrderStatus.PENDING or order.expires_at <= stores.orders.now():
            return False
        if payment.external_ref == ref:
            return True
        if payment.external_ref is not None or payment.attempt != attempt:
            return False
        payment.external_ref = ref
        if payment.state is PaymentStatus.FAILED:
            # A card was refused before there was anything to pay; this is another try.
            payment.move(PaymentStatus.PENDING)
        stores.events.record(
            order_id, Kind.PAYMENT_STARTED, {"ref": ref}, event_id=f"payment_started:{attempt}"
        )
        return True


# --- settling


def settle(stores: Stores, stripe: Stripe, order_id: UUID, currency: str) -> OrderStatus:
    """Ask Stripe how an order's payment stands and let the order follow; its status afterwards.

    Raises:
        NotFound: there is no such order.
        PaymentUnavailable: Stripe does not answer; nothing changed.
    """
    order = stores.orders.head(order_id)
    if order.provider is Provider.NONE or order.external_ref is None:
        return order.status
    return apply(stores, order_id, stripe.look(order.external_ref), currency)


@again_if_lost
def apply(stores: Stores, order_id: UUID, attempt: Attempt, currency: str) -> OrderStatus:
    """Let an order follow what Stripe told of one attempt, in one transaction."""
    with stores.transaction():
        order, payment = stores.orders.lock(order_id)
        if attempt.state is AttemptState.CAPTURED:
            _captured(stores, order, payment, attempt, currency)
        elif payment.external_ref == attempt.ref and order.state is OrderStatus.PENDING:
            _unpaid(stores, order, payment, attempt)
        return order.state


def _captured(stores: Stores, order: Order, payment: Payment, attempt: Attempt, currency: str) -> None:
    if payment.external_ref != attempt.ref:
        # A second payment object took money for the same order: it goes back by its own id.
        stores.events.record(
            order.order_id,
            Kind.STRAY_CAPTURE,
            {"ref": attempt.ref, "intent": attempt.intent, "cents": attempt.captured_cents},
            event_id=f"stray:{attempt.intent or attempt.ref}",
        )
        return
    if payment.state not in (PaymentStatus.PENDING, PaymentStatus.FAILED):
        return
    paid: dict[str, object] = {
        "cents": attempt.captured_cents,
        "currency": attempt.currency,
        "intent": attempt.intent,
    }
    if attempt.card and attempt.customer:
        paid["kept"] = {"customer": attempt.customer, "card": asdict(attempt.card)}
    if attempt.captured_cents != order.total_cents or attempt.currency != currency:
        if order.state is OrderStatus.PENDING:
            stores.stock.release([order.cart_id])
        _give_back(stores, order, payment, "wrong_amount", paid)
    elif order.state is OrderStatus.PENDING:
        stores.stock.take_reserved([order.cart_id])
        payment.move(PaymentStatus.CAPTURED)
        order.move(OrderStatus.PAID)
        stores.events.record(order.order_id, Kind.PAID, paid)
    elif order.state is OrderStatus.EXPIRED and _revive(stores, order):
        payment.move(PaymentStatus.CAPTURED)
        order.move(OrderStatus.PAID)
        stores.events.record(order.order_id, Kind.PAID_LATE, paid)
    else:
        reason = "cancelled" if order.state is OrderStatus.CANCELLED else "too_late"
        if stores.events.happened(order.order_id, Kind.REORDERED):
            reason = "ordered_again"
        _give_back(stores, order, payment, reason, paid)
    # Whatever was due, the worker shall look at this order at once.
    order.claimed_until = None


def _revive(stores: Stores, order: Order) -> bool:
    """Take the stock of a lapsed order again; a hold is never revived without it."""
    if stores.events.happened(order.order_id, Kind.REORDERED):
        return False
    return stores.stock.take_free(order.cart_id)


def _give_back(stores: Stores, order: Order, payment: Payment, reason: str, paid: dict[str, object]) -> None:
    """The money must go back; no unit had left the stock for it."""
    payment.move(PaymentStatus.REFUNDING)
    order.move(OrderStatus.REFUNDED)
    stores.events.record(order.order_id, Kind.REFUND_DUE, {"reason": reason, "stock": "not_taken", **paid})
    if reason == "wrong_amount":
        stores.events.record(order.order_id, Kind.FLAGGED, {"reason": reason, **paid}, event_id="flag:amount")


def _unpaid(stores: Stores, order: Order, payment: Payment, attempt: Attempt) -> None:
    if attempt.state is AttemptState.PROCESSING:
        _tell_checked(stores, order, Kind.PAYMENT_CHECKING)
        return
    if attempt.failure and payment.state is PaymentStatus.PENDING:
        _declined(stores, order, payment, attempt.failure)
    else:
        _tell_checked(stores, order, Kind.PAYMENT_OPEN)


def _declined(stores: Stores, order: Order, payment: Payment, message: str) -> None:
    if payment.state is PaymentStatus.PENDING:
        payment.move(PaymentStatus.FAILED)
    stores.events.record(
        order.order_id,
        Kind.PAYMENT_FAILED,
        {"message": message},
        event_id=f"payment_failed:{payment.attempt}:{message}"[:200],
    )


@again_if_lost
def note_checking(stores: Stores, order_id: UUID) -> None:
    """The shopper says it is paid and Stripe can't be asked: tell "checking", never "failed"."""
    with stores.transaction():
        order, _ = stores.orders.lock(order_id)
        if order.state is OrderStatus.PENDING:
            _tell_checked(stores, order, Kind.PAYMENT_CHECKING)
            order.claimed_until = None


def _tell_checked(stores: Stores, order: Order, kind: Kind) -> None:
    """Tell that an outcome is unknown, or known to be open after all: in turns, as often as it turns.

    The order's lock is held, so that counting what was told makes an id of its own for each.
    """
    told = [event.kind for event in stores.events.of(order.order_id) if event.kind in CHECKED]
    checking = bool(told) and told[-1] is Kind.PAYMENT_CHECKING
    if checking is not (kind is Kind.PAYMENT_CHECKING):
        stores.events.record(order.order_id, kind, event_id=f"{kind}:{len(told)}")


# --- refunding


@again_if_lost
def refund(stores: Stores, order_id: UUID, *, restock: bool, by: str) -> None:
    """Decide that a paid order's money goes back; the worker sees to it that it does.

    ``by`` is ``shopper`` or ``operator``.

    Raises:
        NotFound: there is no such order.
        IllegalTransition: nothing was paid, or it went back already.
    """
    with stores.transaction():
        order, payment = stores.orders.lock(order_id)
        give_back_sold(stores, order, payment, restock=restock, reason=by)


def give_back_sold(stores: Stores, order: Order, payment: Payment, *, restock: bool, reason: str) -> None:
    """Within a transaction: a sold order's money goes back, its units too with ``restock``.

    Raises:
        IllegalTransition: nothing was paid, or it went back already.
    """
    if order.state not in SOLD:
        # The tables would let a pending order pass, for payments of a wrong amount: but it took no units.
        raise IllegalTransition(f"Order {order.number} is {order.status}, so there is nothing to give back")
    order_before = order.state
    payment.move(PaymentStatus.REFUNDING)
    order.move(OrderStatus.REFUNDED)
    if restock:
        stores.stock.put_back([order.cart_id])
    if payment.provider == Provider.NONE:
        payment.move(PaymentStatus.REFUNDED)
    if order_before in BEFORE_DISPATCH:
        # Of a paid order, too: a worker may be writing the shipment, or may have died after it did.
        withdraw(order, stores.orders.now())
    order.claimed_until = None
    stores.events.record(
        order.order_id,
        Kind.REFUND_DUE,
        {"reason": reason, "stock": "returned" if restock else "kept_out", "cents": order.total_cents},
    )


def finish_refund(stores: Stores, stripe: Stripe, order_id: UUID, ref: str) -> RefundState:
    """Ask Stripe to give an order's money back, as often as it takes; done once by its key.

    Raises:
        PaymentUnavailable: later.
    """
    attempt = stripe.look(ref)
    payment_id = stores.orders.head(order_id).payment_id
    state = stripe.refund(attempt.intent, f"{payment_id}-refund") if attempt.intent else RefundState.REFUSED
    record_refund(stores, order_id, state)
    return state


@again_if_lost
def record_refund(stores: Stores, order_id: UUID, state: RefundState) -> None:
    """Write how a refund went: done, or refused for an operator to look at."""
    if state is RefundState.PENDING:
        return
    with stores.transaction():
        order, payment = stores.orders.lock(order_id)
        # The claim was for the refund alone: other jobs may have to do with this order.
        order.claimed_until = None
        if state is RefundState.REFUSED:
            # Also after it was done: banks send refunds back. One that an operator made of a paid order is
            # no refund of ours, and must not keep ours from being tried.
            if payment.state in (PaymentStatus.REFUNDING, PaymentStatus.REFUNDED):
                stores.events.record(order_id, Kind.REFUND_REFUSED)
        elif payment.state is PaymentStatus.REFUNDING:
            payment.move(PaymentStatus.REFUNDED)
            stores.events.record(order_id, Kind.REFUND_DONE)


def finish_strays(stores: Stores, stripe: Stripe, limit: int = 20) -> int:
    """Refund second captures by their own ids; how many are done.

    Raises:
        PaymentUnavailable: later.
    """
    done = 0
    for order_id, event_id, intent in stores.orders.strays(limit):
        try:
            state = stripe.refund(intent, f"{intent}-refund")
        except PaymentRefused:
            state = RefundState.REFUSED
        if state is RefundState.PENDING:
            continue
        with stores.transaction():
            kind = Kind.STRAY_REFUNDED if state is RefundState.DONE else Kind.FLAGGED
            stores.events.record(order_id, kind, {"intent": intent}, event_id=event_id + STRAY_DONE)
        done += 1
    return done
