"""Refunds at Stripe: asked for once, and found again."""

from __future__ import annotations

from uuid import UUID

import stripe

from storefront.domain.errors import PaymentRefused
from storefront.payments.provider import RefundState, RefundTold
from storefront.payments.translation import of_refund, stripe_errors


class StripeRefunds:
    """The part of Stripe's API that gives money back."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._client = client

    def of(self, intent: str) -> list[RefundTold]:
        """Every refund of what an intent charged, the newest first.

        Raises:
            PaymentUnavailable: Stripe does not answer.
        """
        with stripe_errors():
            pages = self._client.v1.refunds.list({"payment_intent": intent, "limit": 100})
            return [_told(refund) for refund in pages.auto_paging_iter()]

    def give(self, intent: str, refund_id: UUID, order_id: UUID, cents: int) -> RefundTold | None:
        """Give so many cents of a charge back, once; None if Stripe definitely refuses.

        It is looked for by ``refund_id`` before and after, so that a lost reply does no harm. "Already
        refunded" is no yes: somebody may have sent that money for another reason.

        Raises:
            PaymentUnavailable: the outcome is unknown; call again.
        """
        found = self._find(intent, refund_id)
        if found is not None:
            return found
        try:
            with stripe_errors():
                return _told(
                    self._client.v1.refunds.create(
                        {
                            "payment_intent": intent,
                            "amount": cents,
                            "metadata": {"refund_id": str(refund_id), "order_id": str(order_id)},
                        },
                        {"idempotency_key": str(refund_id)},
                    )
                )
        except PaymentRefused:
            # Another worker may have been faster.
            return self._find(intent, refund_id)

    def _find(self, intent: str, refund_id: UUID) -> RefundTold | None:
        return next((told for told in self.of(intent) if told.refund_id == str(refund_id)), None)

    def give_all(self, intent: str, key: str) -> RefundState:
        """Give everything that an intent charged back, once; asked again it tells how that went.

        For a charge that should never have been: whoever gave it back already did what was wanted.

        Raises:
            PaymentUnavailable: the outcome is unknown; call again with the same key.
        """
        state = self._state_of_all(intent)
        if state is not None:
            return state
        try:
            with stripe_errors():
                refund = self._client.v1.refunds.create({"payment_intent": intent}, {"idempotency_key": key})
        except PaymentRefused as refused:
            if refused.code == "charge_already_refunded":
                return RefundState.DONE
            return RefundState.REFUSED
        return of_refund(refund.status)

    def _state_of_all(self, intent: str) -> RefundState | None:
        """How the refund of an intent stands; None if some of the money is neither back nor on its way."""
        refunds = self.of(intent)
        cents = dict.fromkeys(RefundState, 0)
        for refund in refunds:
            cents[refund.state] += refund.cents
        if cents[RefundState.PENDING]:
            return RefundState.PENDING
        if cents[RefundState.DONE]:
            with stripe_errors():
                charged = self._client.v1.payment_intents.retrieve(intent).amount_received
            return RefundState.DONE if cents[RefundState.DONE] >= charged else None
        return RefundState.REFUSED if refunds else None


def _told(refund: stripe.Refund) -> RefundTold:
    metadata = refund.metadata.to_dict() if refund.metadata else {}
    return RefundTold(refund.id, metadata.get("refund_id"), refund.amount, of_refund(refund.status))
