"""The shop's own row."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import CheckConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from storefront.domain.base import Base


class Shop(Base):
    """The shop itself, one row: ``shop_id`` is what it is known by where several shops share an account."""

    __tablename__ = "shop"

    one: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    shop_id: Mapped[UUID] = mapped_column(server_default=func.gen_random_uuid())

    __table_args__ = (CheckConstraint("one", name="one"),)
