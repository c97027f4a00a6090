"""What needs a person: the kinds, and the rows that wait for one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import sqlalchemy
from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from storefront.domain.base import Base, EnumColumn, one_of
from storefront.domain.ids import OrderNumber


class AttentionKind(StrEnum):
    """Why a person is needed. ``words`` says it in a sentence that names nobody."""

    DISPUTE = "dispute"
    REFUND_REFUSED = "refund_refused"
    AMOUNT_MISMATCH = "amount_mismatch"
    PARCEL_RETURNED = "parcel_returned"
    PARCEL_LOST = "parcel_lost"
    PARCEL_OVERDUE = "parcel_overdue"
    CARRIER_EVENT_UNBOOKED = "carrier_event_unbooked"
    ORDER_STUCK = "order_stuck"

    @property
    def words(self) -> str:
        return _WORDS[self]


_WORDS = {
    AttentionKind.DISPUTE: "The card's owner disputes this payment. Answer at Stripe before its deadline.",
    AttentionKind.REFUND_REFUSED: "Stripe refuses this refund. Give the money back in another way.",
    AttentionKind.AMOUNT_MISMATCH: (
        "Stripe charged another amount or currency than the order's; it is being refunded."
    ),
    AttentionKind.PARCEL_RETURNED: "The parcel is on its way back. Send it again, or refund it.",
    AttentionKind.PARCEL_LOST: "The carrier has lost the parcel. Send its goods again, or refund them.",
    AttentionKind.PARCEL_OVERDUE: "The parcel should have arrived long ago. Ask the carrier.",
    AttentionKind.CARRIER_EVENT_UNBOOKED: "The carrier reports on a parcel that nobody has booked.",
    AttentionKind.ORDER_STUCK: "The order can't go on by itself.",
}


class Attention(Base):
    """A row that waits for a person until ``done_at``.

    ``subject`` is what it is about, by the name that whoever raises it knows it by: a dispute, a refund, a
    parcel. ``code`` is a parcel's code as the carrier writes it. ``text`` names nobody. The operator is to be
    mailed of it while ``mailed_at`` is null, but not before ``mail_after``.
    """

    __tablename__ = "attention"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[AttentionKind] = mapped_column(EnumColumn(AttentionKind))
    subject: Mapped[str]
    order_id: Mapped[UUID | None] = mapped_column(ForeignKey("orders.order_id"))
    code: Mapped[str | None]
    text: Mapped[str]
    since: Mapped[datetime] = mapped_column(server_default=func.now())
    done_at: Mapped[datetime | None]
    mailed_at: Mapped[datetime | None]
    mail_after: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(one_of("kind", AttentionKind), name="kind"),
        Index(
            "attention_open_key",
            "kind",
            "subject",
            unique=True,
            postgresql_where=sqlalchemy.text("done_at IS NULL"),
        ),
        Index("attention_order_idx", "order_id"),
        Index("attention_mailed_idx", "mailed_at"),
    )


@dataclass(frozen=True)
class AttentionItem:
    """An open row, as operators are shown it; ``code`` and ``number`` are None where there is none."""

    id: int
    kind: AttentionKind
    subject: str
    order_id: UUID | None
    number: OrderNumber | None
    code: str | None
    since: datetime
    text: str
