"""Parcels: what carriers report of them, which report counts, and what an order's parcels say together.

Reports come late, twice and in any order. So a parcel doesn't step from status to status as they arrive: it
keeps the one report of each status that may matter, and its status follows from those. The same reports
give the same parcel, whatever their order, and a parcel reported of ten thousand times stays small.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, tzinfo
from enum import StrEnum
from uuid import UUID

OVERDUE_AFTER = timedelta(days=7)
"""A parcel that is still not there this long after its last promised or estimated day needs a person."""


class ParcelStatus(StrEnum):
    PREPARING = "preparing"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    AVAILABLE_FOR_PICKUP = "available_for_pickup"
    DELIVERED = "delivered"
    EXCEPTION = "exception"
    RETURNED = "returned"
    LOST = "lost"
    CANCELLED = "cancelled"


class ShipmentStatus(StrEnum):
    """What an order's parcels say together; ``delayed`` and ``part_delivered`` no carrier reports."""

    PREPARING = "preparing"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    AVAILABLE_FOR_PICKUP = "available_for_pickup"
    DELAYED = "delayed"
    PART_DELIVERED = "part_delivered"
    DELIVERED = "delivered"
    EXCEPTION = "exception"
    RETURNED = "returned"
    LOST = "lost"
    CANCELLED = "cancelled"


class Settlement(StrEnum):
    """What became of the units of a parcel that was returned or lost."""

    SENT_AGAIN = "sent_again"
    REFUNDED = "refunded"
    CLOSED = "closed"


_P = ParcelStatus

CARRIER_STATUSES = frozenset(ParcelStatus) - {_P.PREPARING, _P.CANCELLED}

HANDED_OVER = CARRIER_STATUSES - {_P.EXCEPTION}
"""What only a carrier that has the parcel can say; a failed pick-up is an exception, too."""

WAYLAID = frozenset({_P.RETURNED, _P.LOST})
"""It won't arrive by itself: somebody has to decide what becomes of its units."""

NOT_LIVE = WAYLAID | {_P.CANCELLED}

_SETBACKS = frozenset({_P.EXCEPTION, _P.LOST})
_FIRST_COUNTS = frozenset({_P.DELIVERED, _P.RETURNED})
"""Of these the first report is the one that happened, of all others the latest tells how things stand."""


@dataclass(frozen=True)
class Report:
    """What a carrier said of a parcel. ``event_id`` is the same on every repeat, ``at`` in UTC."""

    event_id: str
    status: ParcelStatus
    at: datetime
    place: str = ""
    message: str = ""
    estimated_delivery: date | None = None

    @property
    def when(self) -> tuple[datetime, str]:
        """Reports of the same moment stand in the order of their ids, whichever came first."""
        return self.at, self.event_id


@dataclass(frozen=True)
class CarrierEvent:
    """A report with the parcel that it names, as the carrier spells both. ``carrier`` may be left out."""

    tracking_code: str
    report: Report
    carrier: str = ""

    def as_data(self) -> dict[str, str]:
        """What is kept of it as JSON, but for the id and the time, which are columns of their own."""
        day = self.report.estimated_delivery
        return {
            "carrier": self.carrier,
            "tracking_code": self.tracking_code,
            "status": self.report.status.value,
            "place": self.report.place,
            "message": self.report.message,
            **({"estimated_delivery": day.isoformat()} if day else {}),
        }


def carrier_key(carrier: str) -> str:
    """Carriers compare without regard to case and to spaces around them."""
    return carrier.strip().casefold()


def code_key(tracking_code: str) -> str:
    """Tracking codes compare without regard to case and spaces."""
    return re.sub(r"\s", "", tracking_code).casefold()


def counting(reports: Mapping[ParcelStatus, Report], zone: tzinfo) -> Report | None:
    """The report that tells where a parcel is, given the one of each status that is kept.

    Put in the order of their times, a report counts if it is further on than the last that did, or if that
    may be taken back: an exception, a loss, or an attempt to deliver on an earlier day (by the calendar of
    ``zone``, the shop's). This is the one left in the end; a test goes step by step and compares.
    """
    for final in (_P.RETURNED, _P.DELIVERED):
        if final in reports:
            return reports[final]
    setback = max((reports[s] for s in _SETBACKS if s in reports), key=lambda r: r.when, default=None)
    after = {s: r for s, r in reports.items() if setback is None or r.when > setback.when}
    if _P.AVAILABLE_FOR_PICKUP in after:
        return after[_P.AVAILABLE_FOR_PICKUP]
    attempt, scan = after.get(_P.OUT_FOR_DELIVERY), after.get(_P.IN_TRANSIT)
    if attempt and scan:
        return scan if _day(attempt, zone) < _day(scan, zone) else attempt
    return attempt or scan or setback


def _day(report: Report, zone: tzinfo) -> date:
    return report.at.astimezone(zone).date()


@dataclass(frozen=True)
class ParcelLine:
    sku: str
    qty: int


@dataclass(frozen=True)
class Parcel:
    """One parcel of an order. ``at``, ``place`` and ``message`` are those of the report that tells its
    status, or of its booking; ``estimated_delivery`` is the carrier's latest day, in the shop's time zone.

    ``settled`` tells what became of its units once it was returned or lost; it then stays as it is.
    ``reports`` (and ``estimate``, the latest that named a day) are known where Aurora was asked.
    """

    parcel_id: UUID
    carrier: str
    tracking_code: str
    lines: tuple[ParcelLine, ...]
    at: datetime
    status: ParcelStatus = ParcelStatus.PREPARING
    estimated_delivery: date | None = None
    place: str = ""
    message: str = ""
    settled: Settlement | None = None
    reports: Mapping[ParcelStatus, Report] = field(default_factory=dict, hash=False)
    estimate: Report | None = None

    @property
    def open(self) -> bool:
        """Whether something of it is still to come, or to be decided."""
        return self.status not in (_P.DELIVERED, _P.CANCELLED) and self.settled is None

    @property
    def live(self) -> bool:
        """Whether its units are where they should be: here, under way or with the shopper."""
        return self.status not in NOT_LIVE

    @property
    def waylaid(self) -> bool:
        return self.status in WAYLAID

    @property
    def handed_over(self) -> bool:
        return not HANDED_OVER.isdisjoint(self.reports) or self.status in HANDED_OVER

    @property
    def arrived(self) -> bool:
        """Whether it was delivered at any time, even if it came back later."""
        return self.status is not _P.CANCELLED and (
            self.status is _P.DELIVERED or _P.DELIVERED in self.reports
        )

    def reported(self, report: Report, zone: tzinfo) -> Parcel:
        """The parcel as its carrier's report leaves it; withdrawn or settled, it stays as it is."""
        if self.status is _P.CANCELLED or self.settled:
            return self
        known = self.reports.get(report.status)
        first = report.status in _FIRST_COUNTS
        if known is None or (report.when < known.when if first else report.when > known.when):
            known = report
        reports = {**self.reports, report.status: known}
        estimate = self.estimate
        if report.estimated_delivery and (estimate is None or report.when > estimate.when):
            estimate = report
        told = counting(reports, zone) or report
        return replace(
            self,
            status=told.status,
            at=told.at,
            place=told.place,
            message=told.message,
            estimated_delivery=estimate.estimated_delivery if estimate else self.estimated_delivery,
            reports=reports,
            estimate=estimate,
        )

    def late(self, promised_on: date, today: date) -> bool:
        """Not there after the promised or estimated day, or not expected before it is late."""
        due = self.estimated_delivery or promised_on
        return self.open and (today > min(due, promised_on) or due > promised_on)

    def overdue(self, promised_on: date, today: date) -> bool:
        due = max(self.estimated_delivery or promised_on, promised_on)
        return self.open and not self.waylaid and today > due + OVERDUE_AFTER


@dataclass(frozen=True)
class Ordered:
    """A line of an order, in units; ``refunded`` of them are not to be sent any more."""

    sku: str
    qty: int
    refunded: int = 0


def units(parcels: Iterable[Parcel]) -> Counter[str]:
    """How many of each SKU are in these parcels."""
    total: Counter[str] = Counter()
    for parcel in parcels:
        for line in parcel.lines:
            total[line.sku] += line.qty
    return total
