"""Figures that the stores themselves tell, for whoever watches the shop: the same from every process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from storefront.resilience.breaker import Breaker, State
from storefront.services.heartbeat import Heartbeat
from storefront.stores import Stores


@dataclass(frozen=True)
class Figure:
    """One gauge: its values by what its one ``label`` says, or a single one under the empty text.

    ``unit`` is CloudWatch's word. ``total`` says how the values add up to one: by their sum or the largest.
    """

    name: str
    meaning: str
    values: Mapping[str, float]
    label: str = ""
    unit: str = field(default="Count", compare=False)

    @property
    def total(self) -> float:
        return max(self.values.values(), default=0.0) if self.unit == "Seconds" else sum(self.values.values())


def single(name: str, meaning: str, value: float, unit: str = "Count") -> Figure:
    return Figure(name, meaning, {"": value}, unit=unit)


def read(stores: Stores) -> list[Figure]:
    """All that the stores tell, read now.

    Raises:
        StoreUnavailable: Aurora does not answer, so nothing is known.
    """
    waiting = stores.waiting()
    by_kind = {str(kind): float(count) for kind, count in stores.attention.counts().items()}
    kept, broken = stores.promises.totals()
    held = {"live": float(waiting.live_holds), "lapsed": float(waiting.lapsed_holds)}
    return [
        Figure("storefront_attention", "Open rows that need a person", by_kind, label="kind"),
        Figure("storefront_holds", "Unpaid orders that hold stock", held, label="state"),
        Figure(
            "storefront_promises",
            "Orders delivered by the promised day, and later",
            {"kept": float(kept), "broken": float(broken)},
            label="outcome",
        ),
        single("storefront_refunds_due", "Refunds decided and not done", waiting.refunds_due),
        single(
            "storefront_oldest_unpaid_seconds",
            "How long the oldest lapsed hold has waited to be ended",
            waiting.unpaid_seconds,
            "Seconds",
        ),
        single(
            "storefront_oldest_unshipped_seconds",
            "How long the oldest paid order has waited for its shipment",
            waiting.unshipped_seconds,
            "Seconds",
        ),
        single(
            "storefront_oldest_unmailed_seconds",
            "How long the oldest mail has been due",
            waiting.unmailed_seconds,
            "Seconds",
        ),
    ]


def of_breakers(breakers: Iterable[Breaker]) -> Figure:
    """Which stores this process passes by."""
    passed = {breaker.name: float(breaker.state is not State.CLOSED) for breaker in breakers}
    return Figure("storefront_breaker_open", "1 while calls to a store are refused", passed, label="store")


def of_worker(heartbeat: Heartbeat) -> list[Figure]:
    """What a worker tells of itself."""
    return [
        single(
            "storefront_worker_heartbeat_seconds",
            "Seconds since the slowest lane last ended a round",
            heartbeat.seconds(),
            "Seconds",
        ),
        Figure(
            "storefront_worker_lag_seconds",
            "Seconds since each lane last ended a round",
            heartbeat.lags(),
            label="lane",
            unit="Seconds",
        ),
    ]
