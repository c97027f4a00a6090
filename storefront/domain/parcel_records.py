"""Parcels as Aurora keeps them, and the carriers' events that came before their parcel.

``carrier_key`` and ``code_key`` are what is compared; carrier and code are shown as they were given.
"""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from storefront.domain.base import Base, EnumColumn, one_of
from storefront.domain.parcels import ParcelStatus, Settlement


class ParcelRecord(Base):
    """``at``, ``place`` and ``message`` are those of the report that tells the status, else of the booking;
    ``reports`` holds the one report of each status that may matter (domain/parcels.py)."""

    __tablename__ = "parcels"

    parcel_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"))
    carrier: Mapped[str]
    tracking_code: Mapped[str]
    carrier_key: Mapped[str]
    code_key: Mapped[str]
    status: Mapped[ParcelStatus] = mapped_column(EnumColumn(ParcelStatus))
    estimated_delivery: Mapped[date | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    at: Mapped[datetime]
    place: Mapped[str] = mapped_column(server_default="")
    message: Mapped[str] = mapped_column(server_default="")
    settled: Mapped[Settlement | None] = mapped_column(EnumColumn(Settlement))
    reports: Mapped[dict[str, dict[str, str]]] = mapped_column(JSONB, server_default=text("'{}'"))

    __table_args__ = (
        UniqueConstraint("carrier_key", "code_key", name="parcels_code_key"),
        CheckConstraint(one_of("status", ParcelStatus), name="status"),
        CheckConstraint(one_of("settled", Settlement), name="settled"),
        Index("parcels_order_idx", "order_id"),
        Index("parcels_code_idx", "code_key"),
    )


class ParcelLineRecord(Base):
    __tablename__ = "parcel_lines"

    parcel_id: Mapped[UUID] = mapped_column(ForeignKey("parcels.parcel_id"), primary_key=True)
    sku: Mapped[str] = mapped_column(ForeignKey("products.sku"), primary_key=True)
    qty: Mapped[int] = mapped_column(Integer)

    __table_args__ = (
        CheckConstraint("qty >= 1", name="qty"),
        Index("parcel_lines_sku_idx", "sku"),
    )


class WaitingEvent(Base):
    """A carrier's event that fits no parcel, or more than one; the key holds what is compared, ``carrier``
    being empty where it was left out. ``raised_at`` is when somebody was told that nobody books it."""

    __tablename__ = "carrier_inbox"

    carrier: Mapped[str] = mapped_column(primary_key=True)
    tracking_code: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[str] = mapped_column(primary_key=True)
    payload: Mapped[dict[str, str]] = mapped_column(JSONB)
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())
    raised_at: Mapped[datetime | None]

    __table_args__ = (
        Index("carrier_inbox_code_idx", "tracking_code"),
        Index("carrier_inbox_received_idx", "received_at"),
    )
