"""One thing that no order may be, told in SQL; orders.py asks about all of them in one pass."""

from __future__ import annotations

from dataclasses import dataclass

from storefront.audit.finding import Remedy
from storefront.domain.orders import SOLD

SOLD_STATUSES = ", ".join(f"'{status}'" for status in sorted(SOLD))
"""As they stand in an SQL list: the statuses of orders whose goods were sold."""

LOOK_AT_HISTORY = "Look at its history with: storefront orders show"
REFUND = "Refund it: storefront refund"
TAKES_NUMBER = (LOOK_AT_HISTORY, REFUND)
"""Commands that want the order's number behind them."""

EVENT_FLAGS = (
    "placed",
    "paid",
    "paid_late",
    "expired",
    "cancelled",
    "preparing",
    "carrier",
    "refund_due",
    "refund_done",
    "extended",
    "payment_failed",
)
"""The kinds of events that rules ask about, each as one boolean of ``h``."""


@dataclass(frozen=True)
class Rule:
    """What an order may not be. ``broken`` and ``words`` are SQL over o, p (its payment) and h.

    h tells what its events tell: one boolean for each of ``EVENT_FLAGS``, and as text ``cents`` and
    ``currency`` of the capture, ``placed_cents`` (the total it was placed at) and ``refunded_stock`` (what
    became of a refunded order's goods); of its refunds, null without any, ``refund_cents`` (all together),
    ``all_done`` (each went back), ``all_back`` (it is for every unit).
    """

    invariant: str
    broken: str
    words: str
    remedy: Remedy | None = None
    advice: str = LOOK_AT_HISTORY

    def advice_about(self, number: str) -> str:
        """What an operator should do, where no remedy is safe."""
        if self.remedy:
            return ""
        return f"{self.advice} {number}" if self.advice in TAKES_NUMBER else self.advice
