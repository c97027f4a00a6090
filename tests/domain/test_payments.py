"""A payment moves along its table, and every reason for a refund has words."""

from __future__ import annotations

from itertools import product
from uuid import uuid4

import pytest

from storefront.domain.errors import IllegalTransition
from storefront.domain.payments import PAYMENT_MOVES, Payment, PaymentStatus, Provider, RefundReason


@pytest.mark.parametrize(("start", "to"), list(product(PaymentStatus, PaymentStatus)))
def test_a_payment_moves_along_its_table_and_no_other_way(start: PaymentStatus, to: PaymentStatus) -> None:
    payment = Payment(payment_id=uuid4(), order_id=uuid4(), status=start, provider=Provider.STRIPE)
    if to in PAYMENT_MOVES[start]:
        payment.move(to)
        assert payment.status is to
    else:
        with pytest.raises(IllegalTransition, match=f"is {start} and can't become {to}"):
            payment.move(to)
        assert payment.status is start


def test_money_that_came_in_only_leaves_by_a_refund() -> None:
    reached, ahead = set(), {PaymentStatus.CAPTURED}
    while ahead:
        reached |= ahead
        ahead = {to for start in ahead for to in PAYMENT_MOVES[start]} - reached
    assert reached == {PaymentStatus.CAPTURED, PaymentStatus.REFUNDING, PaymentStatus.REFUNDED}


@pytest.mark.parametrize("reason", RefundReason)
def test_every_reason_for_a_refund_has_words_of_its_own(reason: RefundReason) -> None:
    assert reason.words.endswith(".")
    alike = {one for one in RefundReason if one.words == reason.words}
    assert alike <= {reason, RefundReason.SHOPPER, RefundReason.OPERATOR}
