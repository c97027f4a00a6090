"""The states of orders and payments: the table of moves, and nothing beside it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product
from uuid import uuid4

import pytest
from factories import ADDRESS

from storefront.domain.errors import HoldLapsed, IllegalTransition
from storefront.domain.orders import Order, OrderStatus, Payment, PaymentStatus

PLACED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOLD = timedelta(minutes=15)

# Written out a second time, so that a change of the table is a decision and no slip.
ORDER_MOVES = {
    ("pending", "paid"),
    ("pending", "expired"),
    ("pending", "cancelled"),
    ("pending", "refunded"),
    ("expired", "paid"),
    ("expired", "refunded"),
    ("cancelled", "refunded"),
    ("paid", "preparing"),
    ("paid", "refunded"),
    ("preparing", "shipped"),
    ("preparing", "delivered"),
    ("preparing", "refunded"),
    ("shipped", "delivered"),
    ("shipped", "refunded"),
    ("delivered", "refunded"),
}
PAYMENT_MOVES = {
    ("pending", "failed"),
    ("failed", "pending"),
    ("pending", "captured"),
    ("failed", "captured"),
    ("pending", "refunding"),
    ("failed", "refunding"),
    ("captured", "refunding"),
    ("refunding", "refunded"),
}


def an_order(status: str = "pending") -> Order:
    return Order(
        order_id=uuid4(),
        user_id=uuid4(),
        cart_id=uuid4(),
        status=status,
        total_cents=1200,
        address=ADDRESS,
        created_at=PLACED,
        expires_at=PLACED + HOLD,
        number="7K3M-Q9TX",
        email="ada@example.com",
    )


@pytest.mark.parametrize(("before", "after"), list(product(OrderStatus, OrderStatus)))
def test_an_order_moves_along_the_table_only(before: OrderStatus, after: OrderStatus) -> None:
    order = an_order(before)
    if (before, after) in ORDER_MOVES:
        order.move(after)
        assert order.state is after
    else:
        with pytest.raises(IllegalTransition):
            order.move(after)
        assert order.state is before


@pytest.mark.parametrize(("before", "after"), list(product(PaymentStatus, PaymentStatus)))
def test_a_payment_moves_along_the_table_only(before: PaymentStatus, after: PaymentStatus) -> None:
    payment = Payment(payment_id=uuid4(), order_id=uuid4(), status=before, provider="stripe")
    if (before, after) in PAYMENT_MOVES:
        payment.move(after)
        assert payment.state is after
    else:
        with pytest.raises(IllegalTransition):
            payment.move(after)
        assert payment.state is before


def test_a_hold_is_extended_by_its_own_length_once() -> None:
    order = an_order()
    order.extend(PLACED + timedelta(minutes=14))
    assert order.expires_at == PLACED + 2 * HOLD
    assert order.hold == HOLD
    with pytest.raises(HoldLapsed):
        order.extend(PLACED + timedelta(minutes=16))
    assert order.expires_at == PLACED + 2 * HOLD


def test_a_hold_that_is_over_is_not_extended_in_its_last_instant() -> None:
    order = an_order()
    with pytest.raises(HoldLapsed):
        order.extend(PLACED + HOLD)
    assert (order.expires_at, order.extended_at) == (PLACED + HOLD, None)


@pytest.mark.parametrize("status", [one for one in OrderStatus if one is not OrderStatus.PENDING])
def test_only_a_pending_order_is_extended(status: OrderStatus) -> None:
    with pytest.raises(HoldLapsed):
        an_order(status).extend(PLACED)
