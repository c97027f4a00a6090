"""The shop without one of its guards, for the negative controls of its races."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select, text

from storefront.domain.orders import Order
from storefront.domain.payments import Payment
from storefront.repositories.aurora.orders import Orders


def order_without_its_lock(self: Orders, order_id: UUID) -> tuple[Order, Payment]:
    """As ``Orders.lock``, but anybody else may read and change it meanwhile."""
    found = self._db.session.execute(
        select(Order, Payment)
        .join(Payment, Payment.order_id == Order.order_id)
        .where(Order.order_id == order_id)
    ).one()
    self._db.session.execute(text("SELECT pg_sleep(0.05)"))
    return found[0], found[1]
