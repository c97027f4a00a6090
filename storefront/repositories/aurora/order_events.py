"""Order events: the timeline, the mail queue, and the memory of which messages had their effect."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from storefront.domain.orders import MAILED, Event, Kind, OrderEvent
from storefront.repositories.aurora.engine import Database


class OrderEvents:
    def __init__(self, db: Database) -> None:
        self._db = db

    def record(
        self,
        order_id: UUID,
        kind: Kind,
        data: Mapping[str, Any] | None = None,
        *,
        event_id: str = "",
        at: datetime | None = None,
    ) -> bool:
        """Write what happened, in the transaction in which it happens; False if it was written before.

        ``event_id`` defaults to the kind: such a step happens once in an order's life. ``at`` is when it
        happened, now if not told by somebody else.
        """
        statement = insert(OrderEvent).values(
            order_id=order_id,
            event_id=event_id or kind,
            kind=kind,
            data=dict(data or {}),
            at=at or func.clock_timestamp(),
            mailed_at=None if kind in MAILED else func.now(),
        )
        written = self._db.session.execute(
            statement.on_conflict_do_nothing().returning(OrderEvent.event_id)
        ).one_or_none()
        return written is not None

    def of(self, order_id: UUID) -> tuple[Event, ...]:
        """An order's events, oldest first."""
        rows = self._db.rows(
            select(OrderEvent.event_id, OrderEvent.at, OrderEvent.kind, OrderEvent.data)
            .where(OrderEvent.order_id == order_id)
            .order_by(OrderEvent.at, OrderEvent.event_id)
        )
        return tuple(Event(event_id, at, Kind(kind), data) for event_id, at, kind, data in rows)

    def happened(self, order_id: UUID, kind: Kind) -> bool:
        rows = self._db.rows(
            select(OrderEvent.event_id)
            .where(OrderEvent.order_id == order_id, OrderEvent.kind == kind)
            .limit(1)
        )
        return bool(rows)
