"""Promises kept and broken, added up by week: no figure may take longer the more orders there are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import CheckConstraint, Integer
from sqlalchemy.orm import Mapped, mapped_column

from storefront.domain.base import Base


class PromiseWeek(Base):
    """The orders that were to be there in the week of ``monday`` and are: in time, or late."""

    __tablename__ = "promise_weeks"

    monday: Mapped[date] = mapped_column(primary_key=True)
    kept: Mapped[int] = mapped_column(Integer, server_default="0")
    broken: Mapped[int] = mapped_column(Integer, server_default="0")

    __table_args__ = (CheckConstraint("kept >= 0 AND broken >= 0", name="counts"),)


@dataclass(frozen=True)
class WeekOfPromises:
    """Orders by what became of their promise; ``coming`` may still be in time, ``late`` no more."""

    monday: date
    kept: int
    broken: int
    coming: int
    late: int

    def with_coming(self, coming: int, late: int) -> WeekOfPromises:
        return replace(self, coming=self.coming + coming, late=self.late + late)
