"""What can go wrong in words of the shop. ``web/errors.py`` turns each into an answer, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID


class ShopError(Exception):
    """Base of every error a shopper or operator may be shown; ``str()`` is fit for them to read."""


class NotFound(ShopError):
    """It does not exist, or it is not theirs: the two are never told apart."""


class Invalid(ShopError):
    """Input that breaks a rule. ``errors`` maps a field's name to the words beside it."""

    def __init__(self, message: str = "There is a problem", errors: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.errors = dict(errors or {})


class Conflict(ShopError):
    """The request was fine, but things have moved on since the page was shown."""


class IllegalTransition(Conflict):
    """A state change that is not in the tables of transitions (orders, payments, shipments)."""


class HoldLapsed(Conflict):
    """The hold ended, so nothing can be paid for or extended any more."""


class ChangeRefused(ShopError):
    """Who sees this order may not change it, or not yet. ``knows``: they told its e-mail address."""

    def __init__(self, order_id: UUID, *, knows: bool) -> None:
        super().__init__("This order can't be changed from here yet. Nothing was changed.")
        self.order_id = order_id
        self.knows = knows


class TooMuch(ShopError):
    """Something was asked for more often than it may be; ``retry_after`` is in seconds."""

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooManyHolds(TooMuch):
    """As many unpaid orders as one shopper, or one address, may hold."""


class TooManyDeclines(TooMuch):
    """Saved cards were declined too often for one order."""


class PaidMeanwhile(Conflict):
    """The order turned out to be paid while it was being cancelled or paid again."""


class TooLarge(Invalid):
    """More lines than a cart may hold."""


@dataclass(frozen=True)
class Difference:
    """What changed on one line between the page the shopper saw and now."""

    sku: str
    name: str
    wanted: int
    available: int
    price_seen: int
    price_now: int
    listed: bool


class CheckoutChanged(Conflict):
    """Nothing was placed: a price or an availability is no longer what the shopper confirmed."""

    def __init__(self, differences: list[Difference]) -> None:
        super().__init__("Something changed while you were checking out. Nothing has been ordered yet.")
        self.differences = differences


class StoreUnavailable(ShopError):
    """A store does not answer within its bound. ``store`` is ``aurora``, ``reader``, ``dynamodb`` or ``ses``.

    The outcome of a write under way is unknown; callers repeat it by key. ``code`` is for the log: the
    sqlstate, AWS's code, or a word of ours.
    """

    def __init__(self, store: str, code: str = "") -> None:
        super().__init__("We can't reach a part of our shop right now. Please try again in a moment.")
        self.store = store
        self.code = code


class TransactionLost(StoreUnavailable):
    """The transaction was ended from outside (failover, deadlock); run as a whole again, it may pass."""


class CommitUnknown(TransactionLost):
    """The acknowledgement of a COMMIT was lost, and nobody could be asked whether it was done."""

    def __init__(self) -> None:
        super().__init__("aurora", "commit_unknown")
        self.args = (
            "We lost the connection while saving this. Please look whether it is there before trying again.",
        )


class PaymentUnavailable(ShopError):
    """Stripe does not answer, or its answer was lost: the outcome is unknown."""


class PaymentRefused(ShopError):
    """Stripe answered with a definite no. ``code`` is Stripe's error or decline code."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class BadSignature(ShopError):
    """A webhook that is not signed with our secret, is too old, or is no event at all."""


class Malformed(ShopError):
    """A webhook that is signed with our secret, but not of the shape agreed on."""


class NotKnownYet(ShopError):
    """A webhook about an order that is ours but not committed yet: it must come again."""
