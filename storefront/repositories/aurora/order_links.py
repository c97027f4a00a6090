"""One-time links to change an order, by the hash of their token."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from storefront.domain.order_links import OrderLink
from storefront.repositories.aurora.database import Database


class OrderLinks:
    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, token_hash: str, order_id: UUID, lifetime: timedelta) -> None:
        self._db.session.execute(
            insert(OrderLink)
            .values(token_hash=token_hash, order_id=order_id, expires_at=func.now() + lifetime)
            .on_conflict_do_nothing()
        )

    def made_since(self, order_id: UUID, age: timedelta) -> int:
        """How many were made for an order within this time."""
        rows = self._db.rows(
            select(func.count().label("made")).where(
                OrderLink.order_id == order_id, OrderLink.created_at > func.now() - age
            )
        )
        return int(rows[0].made)

    def open(self, token_hash: str, order_id: UUID) -> bool:
        """Whether a link of this order can still be used."""
        rows = self._db.rows(
            select(OrderLink.order_id).where(
                OrderLink.token_hash == token_hash,
                OrderLink.order_id == order_id,
                OrderLink.used_by.is_(None),
                OrderLink.expires_at > func.now(),
            )
        )
        return bool(rows)

    def use(self, token_hash: str, order_id: UUID, use_id: str) -> bool:
        """Use a link up, once; True again for the same ``use_id``."""
        used = self._db.session.execute(
            update(OrderLink)
            .where(
                OrderLink.token_hash == token_hash,
                OrderLink.order_id == order_id,
                or_(OrderLink.used_by.is_(None), OrderLink.used_by == use_id),
                OrderLink.expires_at > func.now(),
            )
            .values(used_by=use_id)
            .returning(OrderLink.order_id)
            .execution_options(synchronize_session=False)
        ).one_or_none()
        return used is not None
