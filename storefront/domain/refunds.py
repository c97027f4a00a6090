"""Refunds: money of an order that goes back, for all of it or for some units of its lines."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, func, text
from sqlalchemy.orm import Mapped, mapped_column

from storefront.domain.base import Base, EnumColumn, one_of
from storefront.domain.cart import MAX_QTY


class RefundStatus(StrEnum):
    DUE = "due"
    """Decided; the worker asks Stripe until it is done or refused."""
    DONE = "done"
    REFUSED = "refused"
    """Stripe refused it, or the bank sent it back: a person has to see to it."""


class Refund(Base):
    """Decided under the order's lock, so that all refunds together never exceed what was captured.

    ``refund_id`` is Stripe's key and metadata, by which it is found again; ``external_ref`` is Stripe's id
    of it, once known. ``cents`` are of the order's currency. One of an order whose units were never taken
    has no lines.
    """

    __tablename__ = "refunds"

    refund_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"))
    cents: Mapped[int] = mapped_column(Integer)
    restock: Mapped[bool]
    status: Mapped[RefundStatus] = mapped_column(EnumColumn(RefundStatus))
    external_ref: Mapped[str | None]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())

    __table_args__ = (
        CheckConstraint(one_of("status", RefundStatus), name="status"),
        CheckConstraint("cents >= 0", name="cents"),
        Index("refunds_order_idx", "order_id"),
        Index("refunds_due_idx", "order_id", postgresql_where=text("status = 'due'")),
    )


class RefundLine(Base):
    """Units of one line that a refund pays back, and how many of them went back into stock."""

    __tablename__ = "refund_lines"

    refund_id: Mapped[UUID] = mapped_column(ForeignKey("refunds.refund_id"), primary_key=True)
    sku: Mapped[str] = mapped_column(ForeignKey("products.sku"), primary_key=True)
    qty: Mapped[int] = mapped_column(Integer)
    restocked: Mapped[int] = mapped_column(Integer)

    __table_args__ = (
        CheckConstraint(f"qty BETWEEN 1 AND {MAX_QTY}", name="qty"),
        CheckConstraint("restocked BETWEEN 0 AND qty", name="restocked"),
        Index("refund_lines_sku_idx", "sku"),
    )
