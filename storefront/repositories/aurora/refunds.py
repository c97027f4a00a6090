"""Refunds and their lines, and what of an order is not refunded yet."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, func, select

from storefront.domain.cart import CartItem
from storefront.domain.order_views import OrderRefund, RefundedLine
from storefront.domain.orders import Order
from storefront.domain.refunds import Refund, RefundLine, RefundStatus
from storefront.repositories.aurora.database import Database
from storefront.repositories.aurora.reading import Rows, records


def refunded_units() -> ColumnElement[int]:
    """As ``refunded``: how many units of a cart's item are refunded, in a statement about such items."""
    units = func.coalesce(func.sum(RefundLine.qty), 0).cast(Integer)
    return (
        select(units)
        .join(Refund, Refund.refund_id == RefundLine.refund_id)
        .join(Order, Order.order_id == Refund.order_id)
        .where(Order.cart_id == CartItem.cart_id, RefundLine.sku == CartItem.sku)
        .correlate(CartItem)
        .scalar_subquery()
        .label("refunded")
    )


class Line(NamedTuple):
    """A line of an order; ``refunded`` of its ``qty`` units are paid back, or will be."""

    sku: str
    name: str
    qty: int
    price_cents: int
    refunded: int

    @property
    def left(self) -> int:
        return self.qty - self.refunded


class Refunds:
    """All that is read here to decide a refund is read under the order's lock."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def of(self, order_id: UUID) -> tuple[OrderRefund, ...]:
        """An order's refunds with their lines, the oldest first."""
        name = (
            select(CartItem.name)
            .join(Order, Order.cart_id == CartItem.cart_id)
            .where(Order.order_id == Refund.order_id, CartItem.sku == RefundLine.sku)
            .correlate(Refund, RefundLine)
            .scalar_subquery()
        )
        rows = self._db.rows(
            select(
                Refund.refund_id,
                Refund.cents,
                Refund.restock,
                Refund.status,
                Refund.external_ref,
                Refund.at,
                RefundLine.sku,
                name.label("name"),
                RefundLine.qty,
                RefundLine.restocked,
            )
            .outerjoin(RefundLine, RefundLine.refund_id == Refund.refund_id)
            .where(Refund.order_id == order_id)
            .order_by(Refund.at, Refund.refund_id, "name", RefundLine.sku)
        )
        return tuple(
            _refund(list(of_one)) for _, of_one in groupby(rows, key=lambda row: cast(UUID, row.refund_id))
        )

    def lines(self, order: Order) -> list[Line]:
        """The order's lines, and what of them is refunded already."""
        rows = self._db.rows(
            select(CartItem.sku, CartItem.name, CartItem.qty, CartItem.price_cents, refunded_units())
            .where(CartItem.cart_id == order.cart_id)
            .order_by(CartItem.name, CartItem.sku)
        )
        return records(Line, rows)

    def add(self, refund: Refund, lines: Iterable[tuple[str, int]] = ()) -> None:
        """Write a refund that was decided, with the units of each SKU that it pays back."""
        session = self._db.session
        session.add(refund)
        session.flush()
        session.add_all(
            RefundLine(
                refund_id=refund.refund_id, sku=sku, qty=units, restocked=units if refund.restock else 0
            )
            for sku, units in lines
        )
        session.flush()

    def get(self, refund_id: UUID) -> Refund | None:
        """One refund as it is now, to be changed."""
        return self._db.session.get(Refund, refund_id, populate_existing=True)

    def all_done(self, order_id: UUID) -> bool:
        """Whether all that was decided for an order went back, what was changed a moment ago included."""
        self._db.session.flush()
        return not self._db.rows(
            select(Refund.refund_id)
            .where(Refund.order_id == order_id, Refund.status != RefundStatus.DONE)
            .limit(1)
        )


def _refund(rows: Rows) -> OrderRefund:
    """One refund, read with each of its lines in a row of its own."""
    head = rows[0]
    return OrderRefund(
        refund_id=head.refund_id,
        cents=head.cents,
        restock=head.restock,
        status=head.status,
        external_ref=head.external_ref,
        at=head.at,
        lines=tuple(
            RefundedLine(row.sku, row.name, row.qty, row.restocked) for row in rows if row.sku is not None
        ),
    )
