"""Links by which whoever reads an order's mail may change the order."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from storefront.domain.base import Base


class OrderLink(Base):
    """A link that lets whoever reads the order's mail change it; ``used_by`` is the one use it had."""

    __tablename__ = "order_links"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    used_by: Mapped[str | None]

    __table_args__ = (Index("order_links_order_id_idx", "order_id"),)
