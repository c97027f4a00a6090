"""An order's attempts at payment: one live payment object at a time, its id stored before it can be paid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from storefront.domain.errors import HoldLapsed, PaidMeanwhile, PaymentRefused, PaymentUnavailable
from storefront.domain.order_views import OrderSummary
from storefront.domain.orders import EventKind, OrderStatus
from storefront.domain.payments import PaymentStatus
from storefront.payments.provider import Attempt, AttemptState, ChargeRequest
from storefront.payments.stripe_client import Stripe
from storefront.payments.translation import FRESH_KEY
from storefront.services.payments import settlement
from storefront.stores import Stores, again_if_lost

STRIPE_LEAST = timedelta(minutes=35)
"""A Checkout Session lives at least 30 minutes; five more for clocks that differ."""


@dataclass(frozen=True)
class ReturnAddresses:
    """Where Stripe sends the shopper. Must not differ between two calls for the same attempt."""

    success: str
    cancel: str


Addresses = Callable[[OrderSummary, int], ReturnAddresses]
"""Makes them for an order whose hosted page closes at a time, in seconds since 1970."""


def start(
    stores: Stores, stripe: Stripe, order: OrderSummary, addresses: Addresses, *, save_for: str | None = None
) -> str:
    """The address of Stripe's page for an order, the one that is open or a new one.

    With ``save_for``, one of Stripe's customers, the card that pays is saved for them.

    Raises:
        HoldLapsed: the hold is over.
        PaidMeanwhile: the order is paid.
        PaymentUnavailable: Stripe does not answer; the order stands and may be paid later.
        PaymentRefused: Stripe will not take this payment.
    """
    require_payable(order)
    if order.external_ref is not None:
        attempt = open_attempt(
            stores,
            stripe,
            order,
            lambda attempt: bool(attempt.url) and save_for in (None, attempt.stripe_customer),
        )
        if attempt is not None:
            return str(attempt.url)
        order = read_again(stores, order)
    try:
        attempt = stripe.open_checkout(_request(stores, order, addresses, save_for))
    except PaymentRefused as refused:
        # A definite no to this attempt's key, which would be answered the same for a day.
        skip_attempt(stores, order.order_id, order.attempt)
        if refused.code in FRESH_KEY:
            # The next key is new, so this can't go on.
            return start(stores, stripe, read_again(stores, order), addresses, save_for=save_for)
        raise
    store_or_close(stores, stripe, order, attempt.ref)
    if not attempt.url:
        raise PaymentUnavailable("Our payment service does not answer right now.")
    return attempt.url


def _request(
    stores: Stores, order: OrderSummary, addresses: Addresses, save_for: str | None
) -> ChargeRequest:
    closing = closes_at(order)
    back = addresses(order, closing)
    return ChargeRequest(
        # Stripe refuses a key that comes back with other parameters, so this wish is part of it.
        key=f"{order.payment_id}-{order.attempt}" + (f"-{save_for}" if save_for else ""),
        order_id=str(order.order_id),
        number=order.number,
        email=order.email,
        lines=tuple((line.name, line.price_cents, line.qty) for line in stores.orders.lines(order.cart_id)),
        closes_at=closing,
        success_url=back.success,
        cancel_url=back.cancel,
        shop=stores.shop_id,
        stripe_customer=save_for,
    )


def closes_at(order: OrderSummary) -> int:
    """When the hosted page of an order closes by itself, in seconds since 1970.

    Past any extension, and the same for every attempt, since a repeated call to Stripe must repeat its
    parameters; the hold itself is ended by expiring the page.
    """
    return int((order.created_at + 2 * order.hold + STRIPE_LEAST).timestamp())


def require_payable(order: OrderSummary) -> None:
    """Let pass an order that waits for its payment, as it was when it was read.

    Raises:
        HoldLapsed: the hold is over.
        PaidMeanwhile: the order is paid.
    """
    if order.held:
        return
    if order.status in (OrderStatus.PENDING, OrderStatus.EXPIRED, OrderStatus.CANCELLED):
        raise HoldLapsed("The hold on these goods has ended, so they can't be paid for any more.")
    raise PaidMeanwhile("This order is paid already.")


def read_again(stores: Stores, order: OrderSummary) -> OrderSummary:
    """An order after its attempt was closed: with the next number, hence a fresh idempotency key.

    Raises:
        HoldLapsed, PaidMeanwhile: as ``require_payable``.
    """
    order = stores.orders.summary(order.order_id)
    require_payable(order)
    return order


def open_attempt(
    stores: Stores, stripe: Stripe, order: OrderSummary, usable: Callable[[Attempt], bool]
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
    attempt = stripe.retrieve(ref)
    if attempt.state is AttemptState.OPEN:
        if usable(attempt):
            return attempt
        attempt = stripe.close(ref)
    if attempt.state is not AttemptState.CLOSED:
        settlement.apply(stores, stripe, order.order_id, attempt)
        raise paid_meanwhile(attempt)
    next_attempt(stores, order.order_id, ref, unknown=attempt.unknown)
    return None


def paid_meanwhile(attempt: Attempt) -> PaidMeanwhile:
    """What to say when an attempt could not be closed because the shopper was faster."""
    if attempt.state is AttemptState.PROCESSING:
        return PaidMeanwhile("A payment for this order is under way, and we're still checking it.")
    return PaidMeanwhile("This order has just been paid.")


def store_or_close(stores: Stores, stripe: Stripe, order: OrderSummary, ref: str) -> None:
    """Store the id of a payment object that nobody can have paid yet; one that can't be stored is closed.

    Raises:
        HoldLapsed: the hold ended, or another tab started another attempt, while Stripe was answering.
    """
    if not store_reference(stores, order.order_id, order.attempt, ref):
        stripe.close(ref)
        raise HoldLapsed("The hold on these goods has ended.")


@again_if_lost
def store_reference(stores: Stores, order_id: UUID, attempt: int, ref: str) -> bool:
    """Store an attempt's id before anybody can pay it; False if the order has moved on."""
    with stores.transaction():
        order, payment = stores.orders.lock(order_id)
        if order.status is not OrderStatus.PENDING or order.expires_at <= stores.orders.now():
            return False
        if payment.external_ref == ref:
            return True
        if payment.external_ref is not None or payment.attempt != attempt:
            return False
        payment.external_ref = ref
        if payment.status is PaymentStatus.FAILED:
            # A card was refused before there was anything to pay; this is another try.
            payment.move(PaymentStatus.PENDING)
        stores.events.record(
            order_id, EventKind.PAYMENT_STARTED, {"ref": ref}, event_id=f"payment_started:{attempt}"
        )
        return True


@again_if_lost
def next_attempt(stores: Stores, order_id: UUID, closed_ref: str, *, unknown: bool = False) -> None:
    """After an attempt that can't be paid any more: the next number, hence a fresh idempotency key.

    With ``unknown`` Stripe has no such payment object.
    """
    with stores.transaction():
        order, payment = stores.orders.lock(order_id)
        if order.status is OrderStatus.PENDING and payment.external_ref == closed_ref:
            payment.external_ref = None
            payment.attempt += 1
            if payment.status is PaymentStatus.FAILED:
                payment.move(PaymentStatus.PENDING)
            if unknown:
                settlement.lost_sight_of(stores, order_id, closed_ref)


@again_if_lost
def skip_attempt(stores: Stores, order_id: UUID, attempt: int, failure: str | None = None) -> None:
    """After a definite no before there was anything to pay: a fresh key for the next try. ``failure`` is what
    the shopper shall read about it."""
    with stores.transaction():
        order, payment = stores.orders.lock(order_id)
        if payment.external_ref is None and payment.attempt == attempt:
            if failure and order.status is OrderStatus.PENDING:
                settlement.decline(stores, order, payment, failure)
            payment.attempt += 1
