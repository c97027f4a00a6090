"""What is remembered of mails that strangers can cause, so that nobody's letter box is filled with them."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Index, func
from sqlalchemy.orm import Mapped, mapped_column

from storefront.domain.base import Base

MOST_MAILS = 10
MAILS_WITHIN = timedelta(hours=1)


class StrangersMail(Base):
    """One such mail, by a keyed hash of its address and the mail's own reference."""

    __tablename__ = "strangers_mails"

    address_hash: Mapped[str] = mapped_column(primary_key=True)
    reference: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (Index("strangers_mails_at_idx", "at"),)
