"""Stripe, through its official library and within bounds of time."""

from __future__ import annotations

import re
import time
from typing import Any

import stripe

from storefront.config import Settings
from storefront.domain.errors import BadSignature, PaymentRefused, PaymentUnavailable
from storefront.payments.answers import forgetting_failures, of_intent, of_refund, of_session, stripe_errors
from storefront.payments.provider import (
    Attempt,
    AttemptState,
    ChargeRequest,
    ProviderEvent,
    RefundState,
    Taken,
)
from storefront.payments.stripe_cards import StripeCards

WEBHOOK_TOLERANCE = 300
"""Seconds a webhook's timestamp may be away from now, either way."""

# stripe-python would otherwise write an id to disk and send measurements along.
stripe.enable_telemetry = False


class Stripe:
    """Stripe's API in the shop's words. Keeps no state; safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self._webhook_secret = settings.stripe_webhook_secret.get_secret_value()
        # The library waits 80 s by default; a web request has five.
        self._client = _client(settings, seconds=2, tries=2)
        self.cards = StripeCards(self._client, patient=_client(settings, seconds=3, tries=1))

    def open_checkout(self, request: ChargeRequest) -> Attempt:
        """Make Stripe's hosted page for an order; the same ``key`` gives the same page.

        Raises:
            PaymentUnavailable: the outcome is unknown; call again with the same request.
            PaymentRefused: Stripe will not make this page.
        """
        metadata = {"order_id": request.order_id}
        params: dict[str, Any] = {
            "mode": "payment",
            "allowed_payment_method_types": ["card"],
            "line_items": [
                {
                    "quantity": quantity,
                    "price_data": {
                        "currency": request.currency.lower(),
                        "unit_amount": cents,
                        "product_data": {"name": _plain(name)},
                    },
                }
                for name, cents, quantity in request.lines
            ],
            "client_reference_id": request.order_id,
            "metadata": metadata,
            "payment_intent_data": {"metadata": metadata, "description": f"Order {request.number}"},
            "expires_at": request.closes_at,
            "success_url": request.success_url,
            "cancel_url": request.cancel_url,
        }
        if request.customer:
            params["customer"] = request.customer
            params["payment_intent_data"]["setup_future_usage"] = "on_session"
        else:
            params["customer_email"] = request.email
        with forgetting_failures(), stripe_errors():
            session = self._client.v1.checkout.sessions.create(
                params,  # type: ignore[arg-type]
                {"idempotency_key": request.key},
            )
        return of_session(session)

    def look(self, ref: str) -> Attempt:
        """The truth about an attempt.

        Raises:
            PaymentUnavailable: Stripe does not answer.
            PaymentRefused: there is no such attempt.
        """
        with stripe_errors():
            if ref.startswith("cs_"):
                return of_session(
                    self._client.v1.checkout.sessions.retrieve(
                        ref, {"expand": ["payment_intent.payment_method"]}
                    )
                )
            return of_intent(self._client.v1.payment_intents.retrieve(ref))

    def taken(self, ref: str) -> Taken:
        """What an attempt took and gave back, for the books.

        Raises:
            PaymentUnavailable: Stripe does not answer.
            PaymentRefused: there is no such attempt.
        """
        with stripe_errors():
            if ref.startswith("cs_"):
                session = self._client.v1.checkout.sessions.retrieve(
                    ref, {"expand": ["payment_intent.latest_charge"]}
                )
                intent = session.to_dict().get("payment_intent")
            else:
                retrieved = self._client.v1.payment_intents.retrieve(ref, {"expand": ["latest_charge"]})
                intent = retrieved.to_dict()
        if not isinstance(intent, dict):
            return Taken(ref, None, 0, 0, "")
        charge = intent.get("latest_charge")
        return Taken(
            ref=ref,
            intent=intent["id"],
            captured_cents=int(intent.get("amount_received") or 0),
            refunded_cents=int(charge.get("amount_refunded") or 0) if isinstance(charge, dict) else 0,
            currency=str(intent.get("currency") or "").upper(),
        )

    def close(self, ref: str) -> Attempt:
        """Make sure that an attempt can't be paid any more, and tell what it had become.

        The answer is CLOSED, or CAPTURED or PROCESSING when the shopper was faster.

        Raises:
            PaymentUnavailable: it may still be payable.
        """
        attempt = self.look(ref)
        if attempt.state is not AttemptState.OPEN:
            return attempt
        try:
            with stripe_errors():
                if ref.startswith("cs_"):
                    self._client.v1.checkout.sessions.expire(ref)
                else:
                    self._client.v1.payment_intents.cancel(ref)
        except PaymentRefused:
            # Not open any more: paid or expired between the two calls. Ask which.
            pass
        attempt = self.look(ref)
        if attempt.state is AttemptState.OPEN:
            raise PaymentUnavailable("This payment can't be closed yet")
        return attempt

    def refund(self, intent: str, key: str) -> RefundState:
        """Give everything that an intent took back, once; asked again it tells how that went.

        Raises:
            PaymentUnavailable: the outcome is unknown; call again with the same key.
        """
        state = self.refund_state(intent)
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

    def refund_state(self, intent: str) -> RefundState | None:
        """How the refund of an intent stands; None if some of the money is neither back nor on its way.

        DONE is only told when all of it is back: somebody may have sent a part at Stripe's dashboard.

        Raises:
            PaymentUnavailable: Stripe does not answer.
        """
        with stripe_errors():
            refunds = self._client.v1.refunds.list({"payment_intent": intent, "limit": 100}).data
        cents = dict.fromkeys(RefundState, 0)
        for refund in refunds:
            cents[of_refund(refund.status)] += refund.amount
        if cents[RefundState.PENDING]:
            return RefundState.PENDING
        if cents[RefundState.DONE]:
            whole = cents[RefundState.DONE] >= self.look(intent).captured_cents
            return RefundState.DONE if whole else None
        return RefundState.REFUSED if refunds else None

    def read_event(self, body: bytes, signature: str) -> ProviderEvent:
        """A webhook, if Stripe signed it within the last five minutes.

        Raises:
            BadSignature: in every other case, odd bytes and timestamps of the future included.
        """
        try:
            event = stripe.Webhook.construct_event(
                body, signature, self._webhook_secret, tolerance=WEBHOOK_TOLERANCE
            ).to_dict()
            told = event["data"]["object"]
            # construct_event only looks for old timestamps, not for those of a clock far ahead.
            _not_of_the_future(signature, int(event["created"]))
            metadata = told.get("metadata") or {}
            intent = told["id"] if told["object"] == "payment_intent" else told.get("payment_intent")
            return ProviderEvent(
                event_id=str(event["id"]),
                type=str(event["type"]),
                ref=str(told["id"]),
                order_id=metadata.get("order_id"),
                intent=intent if isinstance(intent, str) else None,
                detail=str(told.get("status") or ""),
            )
        except Exception as error:
            raise BadSignature("This is not an event of ours") from error

    def order_of_intent(self, intent: str) -> str | None:
        """The order an intent was made for, from its metadata; refunds and disputes carry none.

        Raises:
            PaymentUnavailable: Stripe does not answer.
        """
        try:
            return self.look(intent).order_id
        except PaymentRefused:
            return None


def _client(settings: Settings, *, seconds: float, tries: int) -> stripe.StripeClient:
    """``seconds`` is how long one of its ``tries`` may wait for an answer."""
    return stripe.StripeClient(
        settings.stripe_key.get_secret_value() or "unset",
        base_addresses={"api": settings.stripe_api_base},
        http_client=stripe.RequestsClient(timeout=(1, seconds)),
        max_network_retries=tries - 1,
    )


def _not_of_the_future(signature: str, created: int) -> None:
    stamps = re.findall(r"(?:^|,)t=(\d{1,12})(?:,|$)", signature)
    if not stamps or int(stamps[0]) > time.time() + WEBHOOK_TOLERANCE or created < 0:
        raise ValueError("timestamp of the future")


def _plain(name: str) -> str:
    """A name as Stripe takes it: one line, not empty, at most 250 characters."""
    return re.sub(r"\s+", " ", name).strip()[:250] or "Item"
