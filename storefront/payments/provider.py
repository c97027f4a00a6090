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
    taken, in hundredths of ``currency`` (upper case); ``failure`` the last decline, in words for shoppers.
    ``customer`` is Stripe's customer, if it was made for one; ``card`` the one that a hosted page kept for
    them; ``waiting`` and ``method``, the card's token, are told of PaymentIntents only.
    """

    ref: str
    state: AttemptState
    captured_cents: int
    currency: str
    intent: str | None = None
    url: str | None = None
    order_id: str | None = None
    failure: str | None = None
    customer: str | None = None
    card: SavedCard | None = None
    waiting: Waiting | None = None
    method: str | None = None


@dataclass(frozen=True)
class Taken:
    """What one payment object took and gave back, in hundredths of ``currency`` (upper case)."""

    ref: str
    intent: str | None
    captured_cents: int
    refunded_cents: int
    currency: str


class RefundState(StrEnum):
    DONE = "done"
    PENDING = "pending"
    REFUSED = "refused"


@dataclass(frozen=True)
class ChargeRequest:
    """What a shopper is asked to pay. The same order and attempt always give the same request.

    ``key`` makes it idempotent; ``closes_at`` is in seconds since 1970 (UTC). With ``customer``, one of
    Stripe's, the card that pays is kept for them.
    """

    key: str
    order_id: str
    number: str
    email: str
    currency: str
    lines: tuple[tuple[str, int, int], ...]
    """name, unit price in cents, quantity"""
    closes_at: int
    success_url: str
    cancel_url: str
    customer: str | None = None


@dataclass(frozen=True)
class CardCharge:
    """What a kept card, ``token`` of Stripe's ``customer``, shall be charged. ``key`` makes it idempotent."""

    key: str
    order_id: str
    number: str
    cents: int
    currency: str
    customer: str
    token: str


@dataclass(frozen=True)
class ProviderEvent:
    """A webhook of Stripe's, checked and reduced to what the shop acts on."""

    event_id: str
    type: str
    ref: str
    order_id: str | None
    intent: str | None
    detail: str = ""
