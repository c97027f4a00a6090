"""What an audit finds, and how it is put right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

ROUND = 2.0
"""Seconds: two of the worker's rounds are never further apart."""

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""


def silent(_what: str, _done: int, _of: int) -> None:
    """Progress that nobody watches."""


class Remedy(StrEnum):
    """What ``--repair`` does about a finding."""

    RECOUNT = "recount"
    """What is reserved is summed again from the pending orders."""
    RESTATE = "restate"
    """What was received is written again as what is on hand and what was sold."""
    REQUEUE = "requeue"
    """The order is due at once, whatever claim lies on it."""
    CARRY_OVER = "carry_over"
    """The shipment in DynamoDB is made to tell again what Aurora tells."""
    FOLLOW = "follow"
    """The order and its shipment say again what follows from the parcels."""
    STOP_PARCEL = "stop_parcel"
    """The shipment of a refunded order is cancelled."""
    SETTLE = "settle"
    """The order follows what Stripe says of its payment."""
    NOTE_DUPLICATE = "note_duplicate"
    """A second capture is noted, so that it is refunded."""
    NOTE_REFUND = "note_refund"
    """A refund that Stripe did after all is written down."""


@dataclass(frozen=True)
class Finding:
    """An invariant of the shop that is broken, and where.

    ``message`` is what is wrong, ``advice`` what an operator should do where no remedy is safe. ``ref`` is
    the payment object at Stripe that it is about.
    """

    invariant: str
    message: str
    order_id: UUID | None = None
    sku: str | None = None
    remedy: Remedy | None = None
    advice: str = ""
    ref: str | None = None

    @property
    def repairable(self) -> bool:
        return self.remedy is not None

    @property
    def where(self) -> tuple[object, ...]:
        """The same on every look at the same trouble."""
        return self.invariant, self.order_id, self.sku, self.remedy, self.ref

    def as_json(self) -> dict[str, object]:
        about = {"order_id": str(self.order_id)} if self.order_id else {"sku": self.sku} if self.sku else {}
        return {
            "invariant": self.invariant,
            **about,
            "message": self.message,
            "repairable": self.repairable,
            "advice": self.advice,
        }
