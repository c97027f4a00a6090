"""Shoppers' ids that a guest's cookie is worth nothing with any more."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from storefront.domain.base import Base, EnumColumn, one_of


class ClaimState(StrEnum):
    """What became of a shopper's id."""

    REGISTERING = "registering"
    """An account is being made on it; whether it was, DynamoDB alone can tell."""
    ACCOUNT = "account"
    """It is an account's, for ever: after the account is deleted, too."""
    MERGED = "merged"
    """Its cart went into an account's."""


class ShopperClaim(Base):
    """A shopper's id that whoever bears it must be signed in for.

    Registering keeps the shopper's id, so a guest's cookie that was copied before bears the id of an account
    from then on. It can't be called back; this row is what makes it worthless, in every process at once and
    without DynamoDB, which guests buy without.
    """

    __tablename__ = "shopper_claims"

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    state: Mapped[ClaimState] = mapped_column(EnumColumn(ClaimState))
    since: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (CheckConstraint(one_of("state", ClaimState), name="state"),)
