"""Stripe, through its official library and within bounds of time."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import stripe

from storefront.config import Settings
from storefront.domain.errors import BadSignature, PaymentRefused, PaymentUnavailable
from storefront.payments.provider import (
    Attempt,
    AttemptState,
    ChargeRequest,
    ProviderEvent,
    RefundState,
    Taken,
)

WEBHOOK_TOLERANCE = 300
"""Seconds a webhook's timestamp may be away from now, either way."""

# stripe-python would otherwise write an id to disk and send measurements along.
stripe.enable_telemetry = False


class Stripe:
    """Stripe's API in the shop's words. Keeps no state; safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self._webhook_secret = settings.stripe_webhook_secret.get_secret_value()
        self._client = stripe.StripeClient(
            settings.stripe_key.get_secret_value() or "unset",
            base_addresses={"api": settings.stripe_api_base},
            # The library waits 80 s by default; a web request has five.
            http_client=stripe.RequestsClient(timeout=(1, 2)),
            max_network_retries=1,
        )

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
        else:
            params["customer_email"] = request.email
        with _stripe_errors():
            session = self._client.v1.checkout.sessions.create(
                params,  # type: ignore[arg-type]
                {"idempotency_key": request.key},
            )
        return _of_session(session)

    def look(self, ref: str) -> Attempt:
        """The truth about an attempt.

        Raises:
            PaymentUnavailable: Stripe does not answer.
            PaymentRefused: there is no such attempt.
        """
        with _stripe_errors():
            if ref.startswith("cs_"):
                return _of_session(
                    self._client.v1.checkout.sessions.retrieve(ref, {"expand": ["payment_intent"]})
                )
            return _of_intent(self._client.v1.payment_intents.retrieve(ref))

    def taken(self, ref: str) -> Taken:
        """What an attempt took and gave back, for the books.

        Raises:
            PaymentUnavailable: Stripe does not answer.
            PaymentRefused: there is no such attempt.
        """
        with _stripe_errors():
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
            with _stripe_errors():
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
            with _stripe_errors():
                refund = self._client.v1.refunds.create({"payment_intent": intent}, {"idempotency_key": key})
        except PaymentRefused as refused:
            if refused.code == "charge_already_refunded":
                return RefundState.DONE
            return RefundState.REFUSED
        return _refund_state(refund.status)

    def refund_state(self, intent: str) -> RefundState | None:
        """How the latest refund of an intent stands; None if there was none.

        Raises:
            PaymentUnavailable: Stripe does not answer.
        """
        with _stripe_errors():
            refunds = self._client.v1.refunds.list({"payment_intent": intent, "limit": 10}).data
        states = [_refund_state(refund.status) for refund in refunds]
        for state in (RefundState.DONE, RefundState.PENDING, RefundState.REFUSED):
            if state in states:
                return state
        return None

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


def _not_of_the_future(signature: str, created: int) -> None:
    stamps = re.findall(r"(?:^|,)t=(\d{1,12})(?:,|$)", signature)
    if not stamps or int(stamps[0]) > time.time() + WEBHOOK_TOLERANCE or created < 0:
        raise ValueError("timestamp of the future")


def _plain(name: str) -> str:
    """A name as Stripe takes it: one line, not empty, at most 250 characters."""
    return re.sub(r"\s+", " ", name).strip()[:250] or "Item"


def _of_session(session: Any) -> Attempt:
    told = session.to_dict() if hasattr(session, "to_dict") else dict(session)
    intent = told.get("payment_intent")
    failure = None
    processing = False
    if isinstance(intent, dict):
        failure = _failure(intent)
        processing = intent.get("status") == "processing"
        intent_id = intent["id"]
    else:
        intent_id = intent
    paid = told.get("payment_status") == "paid"
    if paid:
        state = AttemptState.CAPTURED
    elif processing:
        state = AttemptState.PROCESSING
    elif told.get("status") == "open":
        state = AttemptState.OPEN
    elif told.get("status") == "complete":
        state = AttemptState.PROCESSING
    else:
        state = AttemptState.CLOSED
    return Attempt(
        ref=told["id"],
        state=state,
        captured_cents=int(told.get("amount_total") or 0) if paid else 0,
        currency=str(told.get("currency") or "").upper(),
        intent=intent_id,
        url=told.get("url"),
        order_id=(told.get("metadata") or {}).get("order_id"),
        failure=failure,
    )


_INTENT_STATES = {
    "succeeded": AttemptState.CAPTURED,
    "processing": AttemptState.PROCESSING,
    "canceled": AttemptState.CLOSED,
}


def _of_intent(intent: Any) -> Attempt:
    told = intent.to_dict()
    return Attempt(
        ref=told["id"],
        state=_INTENT_STATES.get(told["status"], AttemptState.OPEN),
        captured_cents=int(told.get("amount_received") or 0),
        currency=str(told.get("currency") or "").upper(),
        intent=told["id"],
        order_id=(told.get("metadata") or {}).get("order_id"),
        failure=_failure(told),
    )


def _failure(intent: dict[str, Any]) -> str | None:
    error = intent.get("last_payment_error")
    return str(error.get("message") or "The payment was declined.") if error else None


def _refund_state(status: str | None) -> RefundState:
    if status == "succeeded":
        return RefundState.DONE
    if status in ("failed", "canceled"):
        return RefundState.REFUSED
    return RefundState.PENDING


@contextmanager
def _stripe_errors() -> Iterator[None]:
    """Turn the library's errors into the shop's.

    Raises:
        PaymentRefused: a definite no: the card's or the request's.
        PaymentUnavailable: everything whose outcome is unknown, our own wrong key included.
    """
    try:
        yield
    except stripe.CardError as error:
        raise PaymentRefused(
            error.user_message or "Your card was declined.",
            str(getattr(error, "decline_code", None) or error.code),
        ) from None
    except stripe.InvalidRequestError as error:
        raise PaymentRefused(
            str(error.user_message or "Stripe refused this"), str(error.code or "")
        ) from error
    except stripe.StripeError as error:
        raise PaymentUnavailable("Our payment service does not answer right now.") from error
