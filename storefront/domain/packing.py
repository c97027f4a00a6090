"""What follows from an order's lines and its parcels together: what is left to send, and how it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

from storefront.domain.parcels import (
    OVERDUE_AFTER,
    Ordered,
    Parcel,
    ParcelLine,
    ParcelStatus,
    Settlement,
    ShipmentStatus,
    units,
)

_FIRST_OF_ALL = (
    ParcelStatus.RETURNED,
    ParcelStatus.LOST,
    ParcelStatus.EXCEPTION,
    ParcelStatus.AVAILABLE_FOR_PICKUP,
    ParcelStatus.OUT_FOR_DELIVERY,
)
"""What of several parcels a shopper must know first, even before that one is late."""


@dataclass(frozen=True)
class Packing:
    """An order's lines and all of its parcels, the first booked first."""

    lines: tuple[Ordered, ...]
    parcels: tuple[Parcel, ...]

    @property
    def left(self) -> tuple[ParcelLine, ...]:
        """Units that are in no parcel yet, those of returned and lost parcels among them."""
        placed = units(p for p in self.parcels if p.live or p.settled is Settlement.CLOSED)
        rest = ((line.sku, line.qty - line.refunded - placed[line.sku]) for line in self.lines)
        return tuple(ParcelLine(sku, qty) for sku, qty in rest if qty > 0)

    @property
    def unpacked(self) -> tuple[ParcelLine, ...]:
        """Units that were in no parcel so far but ones that were withdrawn: what went astray was in one."""
        placed = units(p for p in self.parcels if p.status is not ParcelStatus.CANCELLED)
        rest = ((line.sku, line.qty - line.refunded - placed[line.sku]) for line in self.lines)
        return tuple(ParcelLine(sku, qty) for sku, qty in rest if qty > 0)

    @property
    def here(self) -> tuple[ParcelLine, ...]:
        """Units that no carrier has had yet: they can be taken off the order, or go to another address."""
        gone = units(p for p in self.parcels if p.handed_over and p.settled in (None, Settlement.CLOSED))
        rest = ((line.sku, line.qty - line.refunded - gone[line.sku]) for line in self.lines)
        return tuple(ParcelLine(sku, qty) for sku, qty in rest if qty > 0)

    @property
    def overfull(self) -> tuple[Parcel, ...]:
        """Parcels that have not left and hold units that are refunded by now, the latest booked first."""
        surplus = units(p for p in self.parcels if p.live)
        surplus.subtract({line.sku: line.qty - line.refunded for line in self.lines})
        found: list[Parcel] = []
        for parcel in reversed(self.parcels):
            waiting = parcel.live and not parcel.handed_over
            if waiting and any(surplus[line.sku] > 0 for line in parcel.lines):
                surplus -= units([parcel])
                found.append(parcel)
        return tuple(found)

    @property
    def handed_over(self) -> bool:
        return any(p.handed_over for p in self.parcels if p.status is not ParcelStatus.CANCELLED)

    @property
    def delivered(self) -> bool:
        """Whether every unit was delivered, refunded or closed, and at least one delivered."""
        arrived = [p for p in self.parcels if p.arrived]
        done = units(arrived) + units(
            p for p in self.parcels if p.settled is Settlement.CLOSED and not p.arrived
        )
        return bool(arrived) and all(done[line.sku] >= line.qty - line.refunded for line in self.lines)

    def status(self, promised_on: date, today: date) -> ShipmentStatus:
        """What a shopper must know first of all parcels together; days are the shop's."""
        waiting = {p.status for p in self.parcels if p.open}
        for first in _FIRST_OF_ALL:
            if first in waiting:
                return ShipmentStatus(first)
        if self.late(promised_on, today):
            return ShipmentStatus.DELAYED
        if ParcelStatus.IN_TRANSIT in waiting:
            return ShipmentStatus.IN_TRANSIT
        to_come = bool(waiting or self.left)
        if any(p.status is ParcelStatus.DELIVERED for p in self.parcels):
            return ShipmentStatus.PART_DELIVERED if to_come else ShipmentStatus.DELIVERED
        if to_come:
            return ShipmentStatus.PREPARING
        # Nothing is to come and nothing came: what got lost or went back is still told as that.
        ended = [p.status for p in self.parcels if p.waylaid]
        return ShipmentStatus(ended[-1]) if ended else ShipmentStatus.CANCELLED

    def late(self, promised_on: date, today: date) -> bool:
        """Whether a parcel, or what is in none yet, misses the promised or estimated day."""
        unsent = bool(self.left) and today > promised_on
        return unsent or any(p.late(promised_on, today) for p in self.parcels)

    def estimated(self, promised_on: date) -> date:
        """The day on which all of it should be there: the latest of its parcels'."""
        days = [p.estimated_delivery or promised_on for p in self.parcels if p.live]
        return max([*days, promised_on] if self.left or not days else days)

    def look_again(self, promised_on: date, today: date) -> date | None:
        """The next day after whose end something may be late, or overdue, without anybody reporting it."""
        days = set(self._days(promised_on))
        return min((day for day in days if day >= today), default=None)

    def _days(self, promised_on: date) -> Iterator[date]:
        if self.left:
            yield promised_on
        for parcel in self.parcels:
            if parcel.open and not parcel.waylaid:
                due = parcel.estimated_delivery or promised_on
                yield from (promised_on, due, max(due, promised_on) + OVERDUE_AFTER)

    def settled(self, how: Settlement) -> Packing:
        """Returned and lost parcels whose units are no longer to be sent are settled, the oldest first."""
        wanted = {line.sku: line.qty for line in self.left}
        done: set[UUID] = set()
        for parcel in reversed(self.parcels):
            if not (parcel.open and parcel.waylaid):
                continue
            to_send = any(wanted.get(line.sku, 0) > 0 for line in parcel.lines)
            for line in parcel.lines:
                wanted[line.sku] = wanted.get(line.sku, 0) - line.qty
            if not to_send:
                done.add(parcel.parcel_id)
        return replace(
            self, parcels=tuple(replace(p, settled=how) if p.parcel_id in done else p for p in self.parcels)
        )
