"""Our words for what a payment provider tells."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from storefront.domain.accounts import SavedCard


class AttemptState(StrEnum):
    OPEN = "open"
    """Unpaid, and the shopper may still pay it."""
    PROCESSING = "processing"
    """Under way at the bank; the outcome is not known."""
    CAPTURED = "captured"
    CLOSED = "closed"
    """Unpaid, and can never be paid any more."""


class Waiting(StrEnum):
    """What an open PaymentIntent waits for."""

    CONFIRMATION = "confirmation"
    """Nothing that moves money was asked of it yet."""
    SHOPPER = "shopper"
    """The bank wants to ask the shopper something first."""
    CARD = "card"
    """Its card was declined."""


@dataclass(frozen=True)
class Attempt:
    """One live payment object at Stripe: a Checkout Session or a PaymentIntent.

    ``ref`` is its id, ``intent`` the PaymentIntent's, once there is one; ``captured_cents`` what was
    charged, in hundredths of ``currency`` (upper case); ``failure`` the last decline, in words for shoppers.
    ``stripe_customer`` is set if it was made for one; ``card`` is the one that a hosted page saved for
    them; ``waiting`` and ``method``, the card's token, are told of PaymentIntents only. ``shop`` is the shop
    that it was made for. ``unknown`` says that Stripe has no such object: it is another account's or mode's,
    so that nobody can pay it here, and what was paid there can't be seen.
    """

    ref: str
    state: AttemptState
    captured_cents: int
    currency: str
    intent: str | None = None
    url: str | None = None
    order_id: str | None = None
    failure: str | None = None
    stripe_customer: str | None = None
    card: SavedCard | None = None
    waiting: Waiting | None = None
    method: str | None = None
    shop: str | None = None
    unknown: bool = False


class RefundState(StrEnum):
    DONE = "done"
    PENDING = "pending"
    REFUSED = "refused"


@dataclass(frozen=True)
class RefundTold:
    """A refund as Stripe tells it; ``refund_id`` is ours, None if it was made by hand in the dashboard."""

    ref: str
    refund_id: str | None
    cents: int
    state: RefundState


@dataclass(frozen=True)
class Charged:
    """What one payment object charged and gave back, in hundredths of ``currency`` (upper case).

    ``refunds`` are those that failed, too, as long as anything was given back.
    """

    ref: str
    intent: str | None
    captured_cents: int
    refunded_cents: int
    currency: str
    refunds: tuple[RefundTold, ...] = ()


@dataclass(frozen=True)
class ChargeRequest:
    """What a shopper is asked to pay. The same order and attempt always give the same request.

    ``key`` makes it idempotent; ``closes_at`` is in seconds since 1970 (UTC). With
    ``stripe_customer`` the card that pays is saved for them.
    """

    key: str
    order_id: str
    number: str
    email: str
    lines: tuple[tuple[str, int, int], ...]
    """name, unit price in cents, quantity"""
    closes_at: int
    success_url: str
    cancel_url: str
    shop: str
    stripe_customer: str | None = None


@dataclass(frozen=True)
class CardCharge:
    """What a saved card, ``token`` of ``stripe_customer``, shall be charged. ``key`` makes it idempotent."""

    key: str
    order_id: str
    number: str
    cents: int
    stripe_customer: str
    token: str
    shop: str


@dataclass(frozen=True)
class ProviderEvent:
    """A webhook of Stripe's, checked and reduced to what the shop acts on.

    ``order_id``, ``user_id`` and ``shop`` are what was noted on its object when it was made; ``created`` is
    when Stripe first told of it, in seconds since 1970, the same each time that it comes again.
    """

    event_id: str
    type: str
    ref: str
    order_id: str | None
    intent: str | None
    shop: str | None = None
    user_id: str | None = None
    created: int = 0
