"""The list of what needs a person, and the queue of its mails to the operator."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from storefront.domain.attention import Attention, AttentionItem, AttentionKind
from storefront.domain.errors import NotFound
from storefront.domain.orders import Order
from storefront.domain.shop import Shop
from storefront.repositories.aurora.database import Database

_ITEM = (
    select(
        Attention.id,
        Attention.kind,
        Attention.subject,
        Attention.order_id,
        Order.number,
        Attention.code,
        Attention.since,
        Attention.text,
    )
    .outerjoin(Order, Order.order_id == Attention.order_id)
    .order_by(Attention.since, Attention.id)
)


class AttentionList:
    def __init__(self, db: Database) -> None:
        self._db = db

    def add(
        self, kind: AttentionKind, subject: str, order_id: UUID | None, code: str | None, text: str
    ) -> bool:
        """Put something on the list; False if the same is open on it already."""
        written = self._db.session.execute(
            insert(Attention)
            .values(kind=kind, subject=subject, order_id=order_id, code=code, text=text)
            .on_conflict_do_nothing()
            .returning(Attention.id)
        ).one_or_none()
        return written is not None

    def close(self, kind: AttentionKind, subject: str) -> bool:
        """Take something off the list that has ended by itself; False if it is not open."""
        closed = self._db.session.execute(
            update(Attention)
            .where(Attention.kind == kind, Attention.subject == subject, Attention.done_at.is_(None))
            .values(done_at=func.now())
            .returning(Attention.id)
            .execution_options(synchronize_session=False)
        ).one_or_none()
        return closed is not None

    def done(self, id_: int) -> None:
        """Take a row off the list; done before, it stays as it was.

        Raises:
            NotFound: there never was such a row.
        """
        found = self._db.session.execute(
            update(Attention)
            .where(Attention.id == id_)
            .values(done_at=func.coalesce(Attention.done_at, func.now()))
            .returning(Attention.id)
            .execution_options(synchronize_session=False)
        ).one_or_none()
        if found is None:
            raise NotFound(f"Nothing on the list has the id {id_}")

    def open(self) -> list[AttentionItem]:
        """All that waits for a person, the oldest first."""
        rows = self._db.rows(_ITEM.where(Attention.done_at.is_(None)))
        return [AttentionItem(**row._asdict()) for row in rows]

    def counts(self) -> dict[AttentionKind, int]:
        """How much of each kind is open, those with nothing included."""
        rows = self._db.rows(
            select(Attention.kind, func.count().label("open"))
            .where(Attention.done_at.is_(None))
            .group_by(Attention.kind)
        )
        return {**dict.fromkeys(AttentionKind, 0), **{row.kind: row.open for row in rows}}

    # --- mails to the operator

    def claim_mail(self, every: timedelta, lease: timedelta) -> list[AttentionItem]:
        """Take what the operator was not mailed of yet, away from other workers until the lease ends.

        Nothing while the last mail is younger than ``every``, or another worker's is on its way: the shop's
        row is the lock that workers take turns by.
        """
        session = self._db.session
        session.execute(select(Shop.shop_id).with_for_update())
        quiet = or_(Attention.mailed_at > func.now() - every, Attention.mail_after > func.now())
        if session.execute(select(Attention.id).where(quiet).limit(1)).first():
            return []
        ids = session.scalars(
            update(Attention)
            .where(Attention.mailed_at.is_(None), Attention.done_at.is_(None))
            .values(mail_after=func.now() + lease)
            .returning(Attention.id)
            .execution_options(synchronize_session=False)
        ).all()
        return [AttentionItem(**row._asdict()) for row in self._db.rows(_ITEM.where(Attention.id.in_(ids)))]

    def mailed(self, ids: Collection[int]) -> None:
        """The operator knows of these."""
        self._db.session.execute(
            update(Attention)
            .where(Attention.id.in_(ids))
            .values(mailed_at=func.now(), mail_after=None)
            .execution_options(synchronize_session=False)
        )

    def mail_later(self, ids: Collection[int], delay: timedelta) -> None:
        """Give taken rows back, due again after ``delay``."""
        self._db.session.execute(
            update(Attention)
            .where(Attention.id.in_(ids))
            .values(mail_after=func.now() + delay)
            .execution_options(synchronize_session=False)
        )
