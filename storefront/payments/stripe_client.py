"""Stripe, through its official library and within bounds of time."""

from __future__ import annotations

import re
import time

import stripe
from stripe.params.checkout import (
    SessionCreateParams,
    SessionCreateParamsLineItem,
    SessionCreateParamsPaymentIntentData,
)

from storefront.config import Settings
from storefront.domain.errors import BadSignature, PaymentRefused, PaymentUnavailable
from storefront.payments.pace import Pace, pace_for
from storefront.payments.provider import (
    Attempt,
    AttemptState,
    Charged,
    ChargeRequest,
    ProviderEvent,
)
from storefront.payments.stripe_cards import StripeCards
from storefront.payments.stripe_refunds import StripeRefunds
from storefront.payments.translation import (
    MISSING,
    forgetting_failures,
    of_intent,
    of_session,
    stripe_errors,
)
from storefront.payments.transport import Transport
from storefront.resilience.breaker import Breaker

WEBHOOK_TOLERANCE = 300
"""Seconds a webhook's timestamp may differ from now, either way."""

# stripe-python would otherwise write an id to disk and send measurements along.
stripe.enable_telemetry = False


class Stripe:
    """Stripe's API in the shop's words. Keeps no state; safe to share between threads.

    ``currency`` is the one the shop charges in (ISO 4217, upper case).
    """

    def __init__(self, settings: Settings) -> None:
        self.currency = settings.currency
        self._webhook_secret = settings.stripe_webhook_secret.get_secret_value()
        self._key = _key(settings)
        self._transport = Transport(settings.stripe_api_base, self._key)
        # The library waits 80 s by default; a web request has five.
        self._client = _client(settings, self._transport, seconds=2, tries=2)
        patient = _client(settings, self._transport, seconds=3, tries=1)
        self.refunds = StripeRefunds(self._client)
        self.cards = StripeCards(self._client, patient, self.currency)

    @property
    def breaker(self) -> Breaker:
        return self._transport.breaker

    def keep_pace(self, pace: Pace | None = None) -> None:
        """Let every call from now on wait for its turn, at the key's rate if no other is given: for a process
        that nobody waits for."""
        self._transport.pace = pace or pace_for(self._key)

    def probe(self) -> None:
        """Look whether Stripe answers.

        Raises:
            requests.RequestException: it does not.
        """
        self._transport.probe()

    def open_checkout(self, request: ChargeRequest) -> Attempt:
        """Make Stripe's hosted page for an order; the same ``key`` gives the same page.

        Raises:
            PaymentUnavailable: the outcome is unknown; call again with the same request.
            PaymentRefused: Stripe will not make this page.
        """
        with forgetting_failures(), stripe_errors():
            session = self._client.v1.checkout.sessions.create(
                self._page(request), {"idempotency_key": request.key}
            )
        return of_session(session)

    def _page(self, request: ChargeRequest) -> SessionCreateParams:
        metadata = {"order_id": request.order_id, "shop": request.shop}
        intent: SessionCreateParamsPaymentIntentData = {
            "metadata": metadata,
            "description": f"Order {request.number}",
        }
        params: SessionCreateParams = {
            "mode": "payment",
            "allowed_payment_method_types": ["card"],
            "line_items": [self._line(*line) for line in request.lines],
            "client_reference_id": request.order_id,
            "metadata": metadata,
            "payment_intent_data": intent,
            "expires_at": request.closes_at,
            "success_url": request.success_url,
            "cancel_url": request.cancel_url,
        }
        if request.stripe_customer:
            params["customer"] = request.stripe_customer
            intent["setup_future_usage"] = "on_session"
        else:
            params["customer_email"] = request.email
        return params

    def _line(self, name: str, cents: int, quantity: int) -> SessionCreateParamsLineItem:
        return {
            "quantity": quantity,
            "price_data": {
                "currency": self.currency.lower(),
                "unit_amount": cents,
                "product_data": {"name": _plain(name)},
            },
        }

    def retrieve(self, ref: str) -> Attempt:
        """The truth about an attempt; one that Stripe does not know, twice asked, is closed and ``unknown``.

        Raises:
            PaymentUnavailable: Stripe does not answer.
        """
        try:
            return self._retrieve(ref)
        except PaymentRefused as refused:
            if refused.code != MISSING:
                raise
        try:
            return self._retrieve(ref)
        except PaymentRefused as refused:
            if refused.code != MISSING:
                raise
        return Attempt(ref, AttemptState.CLOSED, 0, self.currency, unknown=True)

    def _retrieve(self, ref: str) -> Attempt:
        with stripe_errors():
            if ref.startswith("cs_"):
                return of_session(
                    self._client.v1.checkout.sessions.retrieve(
                        ref, {"expand": ["payment_intent.payment_method"]}
                    )
                )
            return of_intent(self._client.v1.payment_intents.retrieve(ref))

    def charged(self, ref: str) -> Charged:
        """What an attempt charged and gave back, for the books.

        Raises:
            PaymentUnavailable: Stripe does not answer.
            PaymentRefused: there is no such attempt.
        """
        with stripe_errors():
            intent: stripe.PaymentIntent | str | None
            if ref.startswith("cs_"):
                session = self._client.v1.checkout.sessions.retrieve(
                    ref, {"expand": ["payment_intent.latest_charge"]}
                )
                intent = session.payment_intent
            else:
                intent = self._client.v1.payment_intents.retrieve(ref, {"expand": ["latest_charge"]})
        if not isinstance(intent, stripe.PaymentIntent):
            return Charged(ref, None, 0, 0, "")
        charge = intent.latest_charge
        refunded = charge.amount_refunded if isinstance(charge, stripe.Charge) else 0
        return Charged(
            ref=ref,
            intent=intent.id,
            captured_cents=intent.amount_received,
            refunded_cents=refunded,
            currency=intent.currency.upper(),
            refunds=tuple(self.refunds.of(intent.id)) if refunded else (),
        )

    def close(self, ref: str) -> Attempt:
        """Make sure that an attempt can't be paid any more, and tell what it had become.

        The answer is CLOSED, or CAPTURED or PROCESSING when the shopper was faster.

        Raises:
            PaymentUnavailable: it may still be payable.
        """
        try:
            with stripe_errors():
                attempt = self._end(ref)
        except PaymentRefused:
            # Not open any more, or not known. Ask which.
            attempt = self.retrieve(ref)
        if attempt.state is AttemptState.OPEN:
            raise PaymentUnavailable("This payment can't be closed yet")
        return attempt

    def _end(self, ref: str) -> Attempt:
        """What it is, once it has been ended: one call."""
        if ref.startswith("cs_"):
            return of_session(self._client.v1.checkout.sessions.expire(ref, {"expand": ["payment_intent"]}))
        return of_intent(self._client.v1.payment_intents.cancel(ref))

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
                shop=metadata.get("shop"),
                user_id=metadata.get("user_id"),
                created=int(event["created"]),
            )
        except Exception as error:
            raise BadSignature("This is not an event of ours") from error


def _key(settings: Settings) -> str:
    return settings.stripe_key.get_secret_value() or "unset"


def _client(settings: Settings, transport: Transport, *, seconds: float, tries: int) -> stripe.StripeClient:
    """``seconds`` is how long one of its ``tries`` may wait for an answer."""
    return stripe.StripeClient(
        _key(settings),
        base_addresses={"api": settings.stripe_api_base},
        http_client=stripe.RequestsClient(timeout=(1, seconds), session=transport),
        max_network_retries=tries - 1,
    )


def _not_of_the_future(signature: str, created: int) -> None:
    stamps = re.findall(r"(?:^|,)t=(\d{1,12})(?:,|$)", signature)
    if not stamps or int(stamps[0]) > time.time() + WEBHOOK_TOLERANCE or created < 0:
        raise ValueError("timestamp of the future")


def _plain(name: str) -> str:
    """A name as Stripe takes it: one line, not empty, at most 250 characters."""
    return re.sub(r"\s+", " ", name).strip()[:250] or "Item"
