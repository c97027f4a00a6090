"""Payments: one an order, its states, and the only ways between them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from storefront.domain.base import Base, EnumColumn, one_of
from storefront.domain.errors import IllegalTransition


class PaymentStatus(StrEnum):
    PENDING = "pending"
    FAILED = "failed"
    CAPTURED = "captured"
    REFUNDING = "refunding"
    REFUNDED = "refunded"


class Provider(StrEnum):
    STRIPE = "stripe"
    NONE = "none"


class RefundReason(StrEnum):
    """Why an order's money goes back, as its event keeps it. ``words`` is all that shoppers read of it."""

    TOO_LATE = "too_late"
    ORDERED_AGAIN = "ordered_again"
    CANCELLED = "cancelled"
    WRONG_AMOUNT = "wrong_amount"
    CANCELLED_BY_SHOPPER = "cancelled_by_shopper"
    CANCELLED_BY_OPERATOR = "cancelled_by_operator"
    SHOPPER = "shopper"
    OPERATOR = "operator"

    @property
    def words(self) -> str:
        return _REFUND_WORDS.get(self, "We refunded this order.")

    @property
    def words_in_part(self) -> str:
        """The same where only some of an order is paid back and the rest goes on; may be nothing."""
        return _PART_WORDS.get(self, "")


_REFUND_WORDS = {
    RefundReason.TOO_LATE: (
        "Your payment came after the hold had ended, and the last pieces had gone to someone else in the"
        " meantime. Nothing will be sent."
    ),
    RefundReason.ORDERED_AGAIN: (
        "Your payment came after the hold had ended and you had put these things back in your cart, so we"
        " took it as paid by mistake. Nothing will be sent for this order."
    ),
    RefundReason.CANCELLED: "Your payment came after this order had been cancelled. Nothing will be sent.",
    RefundReason.WRONG_AMOUNT: (
        "The amount we received was not the amount of your order, so we did not keep it."
        " Nothing will be sent."
    ),
    RefundReason.CANCELLED_BY_SHOPPER: "You cancelled this order before it was sent.",
    RefundReason.CANCELLED_BY_OPERATOR: (
        "We had to cancel this order before it was sent, and we\u2019re sorry."
    ),
}


_PART_WORDS = {
    RefundReason.CANCELLED_BY_SHOPPER: "You cancelled what had not left yet.",
    RefundReason.CANCELLED_BY_OPERATOR: ("We had to cancel what had not left yet, and we\u2019re sorry."),
}


class StockDisposition(StrEnum):
    """What became of a refunded order's units."""

    NOT_TAKEN = "not_taken"
    """They had never left the stock for it."""
    RETURNED = "returned"
    KEPT_OUT = "kept_out"


_P = PaymentStatus

PAYMENT_MOVES: dict[PaymentStatus, frozenset[PaymentStatus]] = {
    _P.PENDING: frozenset({_P.FAILED, _P.CAPTURED, _P.REFUNDING}),
    _P.FAILED: frozenset({_P.PENDING, _P.CAPTURED, _P.REFUNDING}),
    _P.CAPTURED: frozenset({_P.REFUNDING}),
    _P.REFUNDING: frozenset({_P.REFUNDED}),
    _P.REFUNDED: frozenset(),
}


class Payment(Base):
    __tablename__ = "payments"

    payment_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"), unique=True)
    status: Mapped[PaymentStatus] = mapped_column(EnumColumn(PaymentStatus))
    provider: Mapped[Provider] = mapped_column(EnumColumn(Provider))
    external_ref: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    attempt: Mapped[int] = mapped_column(Integer, server_default="1")

    __table_args__ = (
        CheckConstraint(one_of("status", PaymentStatus), name="status"),
        CheckConstraint(one_of("provider", Provider), name="provider"),
        CheckConstraint("attempt >= 1", name="attempt"),
        UniqueConstraint("provider", "external_ref"),
        Index("payments_refunding_idx", "order_id", postgresql_where=text("status = 'refunding'")),
    )

    def move(self, to: PaymentStatus) -> None:
        """Change the state along the table.

        Raises:
            IllegalTransition: if the table has no such move.
        """
        if to not in PAYMENT_MOVES[self.status]:
            raise IllegalTransition(f"Payment {self.payment_id} is {self.status} and can't become {to}")
        self.status = to
