"""The cart: lines a shopper means to buy, at the prices they last saw."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, func, text
from sqlalchemy.orm import Mapped, mapped_column

from storefront.domain.base import Base
from storefront.domain.errors import Invalid

MAX_QTY = 99
MAX_LINES = 100
_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)


class Cart(Base):
    __tablename__ = "carts"

    cart_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    closed_at: Mapped[datetime | None]
    changed_at: Mapped[datetime | None]
    """When it was last used, to the day; None: when it was made."""

    __table_args__ = (
        Index(
            "carts_abandoned_idx",
            text("COALESCE(changed_at, created_at)"),
            postgresql_where=text("closed_at IS NULL"),
        ),
        Index("carts_open_key", "user_id", unique=True, postgresql_where=text("closed_at IS NULL")),
    )


class CartItem(Base):
    __tablename__ = "cart_items"

    cart_id: Mapped[UUID] = mapped_column(ForeignKey("carts.cart_id"), primary_key=True)
    sku: Mapped[str] = mapped_column(ForeignKey("products.sku"), primary_key=True)
    qty: Mapped[int] = mapped_column(Integer)
    price_cents: Mapped[int] = mapped_column(Integer)
    name: Mapped[str]

    __table_args__ = (
        CheckConstraint(f"qty BETWEEN 1 AND {MAX_QTY}", name="qty"),
        Index("cart_items_sku_idx", "sku"),
    )


def read_quantity(value: str, least: int = 1) -> int:
    """A quantity as typed: plain ASCII digits, ``least`` to 99.

    ``int()`` would also take ``1_0``, `` 7 `` and ``٣``.

    Raises:
        Invalid: with the words for the field ``quantity``.
    """
    if not _DIGITS.fullmatch(value) or not least <= int(value) <= MAX_QTY:
        words = f"Enter a quantity from {least} to {MAX_QTY}, in digits"
        raise Invalid(words, {"quantity": words})
    return int(value)


@dataclass(frozen=True)
class CartLine:
    """One line as a page shows it: what was seen, and what is true now."""

    sku: str
    name: str
    qty: int
    price_seen: int
    price_cents: int
    available: int
    listed: bool
    category: str
    image_url: str
    picture: str = ""

    @property
    def total_cents(self) -> int:
        return self.qty * self.price_cents

    @property
    def price_changed(self) -> bool:
        return self.price_seen != self.price_cents

    @property
    def short(self) -> bool:
        return not self.listed or self.available < self.qty


@dataclass(frozen=True)
class CartView:
    """The open cart of a shopper, its lines in SKU order."""

    cart_id: UUID | None
    lines: tuple[CartLine, ...]

    @property
    def count(self) -> int:
        return sum(line.qty for line in self.lines)

    @property
    def total_cents(self) -> int:
        return sum(line.total_cents for line in self.lines)

    @property
    def orderable(self) -> bool:
        return bool(self.lines) and not any(line.short for line in self.lines)

    @property
    def seen(self) -> str:
        return digest((line.sku, line.qty, line.price_cents) for line in self.lines)


def digest(lines: Iterable[tuple[str, int, int]]) -> str:
    """What the shopper confirms: SKU, quantity and price (cents) of every line, order left aside."""
    text_ = "\n".join(f"{sku}\t{qty}\t{price}" for sku, qty, price in sorted(lines))
    return hashlib.sha256(text_.encode()).hexdigest()[:32]
