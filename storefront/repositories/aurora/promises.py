"""How many promises were kept, by the week of the promised day; counted when a parcel is there."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from storefront.domain.orders import Order, OrderStatus
from storefront.domain.promises import PromiseWeek, WeekOfPromises
from storefront.repositories.aurora.database import Database

COMING = (OrderStatus.PAID, OrderStatus.PREPARING, OrderStatus.SHIPPED)


class Promises:
    def __init__(self, db: Database) -> None:
        self._db = db

    def count(self, promised: date, *, kept: bool) -> None:
        """A promise was kept or broken. Its week's row is locked, so do this last in a transaction."""
        self._db.session.execute(
            insert(PromiseWeek)
            .values(monday=_monday(promised), kept=int(kept), broken=int(not kept))
            .on_conflict_do_update(
                index_elements=[PromiseWeek.monday],
                set_={
                    "kept": PromiseWeek.kept + int(kept),
                    "broken": PromiseWeek.broken + int(not kept),
                },
            )
        )

    def totals(self) -> tuple[int, int]:
        """Promises kept and broken so far; a row a week is all that is read."""
        row = self._db.rows(
            select(
                func.coalesce(func.sum(PromiseWeek.kept), 0).label("kept"),
                func.coalesce(func.sum(PromiseWeek.broken), 0).label("broken"),
            )
        )[0]
        return int(row.kept), int(row.broken)

    def by_week(self, today: date) -> list[WeekOfPromises]:
        """Each week of promised days, the earliest first, with what is still to come as of ``today``."""
        weeks = {
            row.monday: WeekOfPromises(row.monday, row.kept, row.broken, 0, 0)
            for row in self._db.rows(select(PromiseWeek.monday, PromiseWeek.kept, PromiseWeek.broken))
        }
        coming = self._db.rows(
            select(Order.promised_on, func.count().label("orders"))
            .where(Order.status.in_(COMING), Order.promised_on.is_not(None))
            .group_by(Order.promised_on)
        )
        for row in coming:
            week = weeks.get(_monday(row.promised_on), WeekOfPromises(_monday(row.promised_on), 0, 0, 0, 0))
            late = row.orders if row.promised_on < today else 0
            weeks[week.monday] = week.with_coming(row.orders - late, late)
        return [weeks[monday] for monday in sorted(weeks)]


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
