"""Cards saved at Stripe: customers, their payment methods, and charging them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from uuid import UUID

import stripe
from stripe.params import PaymentIntentConfirmParams, PaymentIntentCreateParams
from stripe.params.checkout import SessionCreateParams

from storefront.domain.accounts import SavedCard
from storefront.domain.errors import PaymentRefused
from storefront.payments.provider import Attempt, AttemptState, CardCharge
from storefront.payments.translation import CHANGED, CUSTOMER_GONE, MISSING, of_card, of_intent, stripe_errors

GONE = frozenset({MISSING, CUSTOMER_GONE})
UNUSABLE = "This card can't be used any more. Please choose another one."


class StripeCards:
    """The part of Stripe's API that deals with customers. ``patient`` waits longer and never repeats."""

    def __init__(self, client: stripe.StripeClient, patient: stripe.StripeClient, currency: str) -> None:
        self._client = client
        self._patient = patient
        self._currency = currency

    # --- customers

    def make_customer(self, user_id: UUID, name: str, email: str, *, shop: str, instead_of: str = "") -> str:
        """The id of a new customer; asked again for the same account, the same customer's. ``instead_of`` is
        the account's customer that was deleted at Stripe.

        Raises:
            PaymentUnavailable: the outcome is unknown; call again.
        """
        told = hashlib.sha256(f"{name}\0{email}\0{shop}\0{instead_of}".encode()).hexdigest()[:16]
        with stripe_errors():
            stripe_customer = self._client.v1.customers.create(
                {"name": name, "email": email, "metadata": {"user_id": str(user_id), "shop": shop}},
                # Stripe refuses a key that comes back with other parameters, so they are part of it.
                {"idempotency_key": f"customer-{user_id}-{told}"},
            )
        return stripe_customer.id

    def forget_customer(self, stripe_customer: str) -> None:
        """Delete a customer and their cards; gone already is fine.

        Raises:
            PaymentUnavailable: they may be there still.
        """
        try:
            with stripe_errors():
                self._client.v1.customers.delete(stripe_customer)
        except PaymentRefused as refused:
            if refused.code not in GONE:
                raise

    # --- their cards

    def adding_page(
        self, user_id: UUID, stripe_customer: str, success_url: str, cancel_url: str, *, shop: str
    ) -> str:
        """The address of Stripe's page to save a card without paying.

        Raises:
            PaymentUnavailable: Stripe does not answer.
            PaymentRefused: Stripe will not make this page; with CUSTOMER_GONE, not for this customer.
        """
        params: SessionCreateParams = {
            "mode": "setup",
            "allowed_payment_method_types": ["card"],
            "customer": stripe_customer,
            # Whoever does not come back is known by it from the webhook.
            "metadata": {"user_id": str(user_id), "shop": shop},
            "success_url": success_url,
            "cancel_url": cancel_url,
        }
        with stripe_errors():
            session = self._client.v1.checkout.sessions.create(params)
        return str(session.url)

    def of(self, stripe_customer: str) -> list[SavedCard]:
        """A customer's cards, the oldest first; none of a customer who was deleted.

        Raises:
            PaymentUnavailable: Stripe does not answer.
        """
        try:
            with stripe_errors():
                listed = self._client.v1.customers.payment_methods.list(
                    stripe_customer, {"type": "card", "limit": 100}
                )
        except PaymentRefused as refused:
            if refused.code in GONE:
                return []
            raise
        return [of_card(method) for method in reversed(listed.data)]

    def detach(self, token: str) -> None:
        """Take a card off its customer, for ever; done before, or gone, is fine.

        Raises:
            PaymentUnavailable: it may be there still; call again.
        """
        try:
            with stripe_errors():
                self._client.v1.payment_methods.detach(token)
        except PaymentRefused:
            # Stripe has no code of its own for "not attached", so look.
            if self._attached(token):
                raise

    def _attached(self, token: str) -> bool:
        try:
            with stripe_errors():
                method = self._client.v1.payment_methods.retrieve(token)
        except PaymentRefused:
            return False
        return method.customer is not None

    # --- charging them

    def prepare(self, charge: CardCharge) -> Attempt:
        """A PaymentIntent that nobody has confirmed, so that it moves no money; the same ``key``, the same.

        Raises:
            PaymentUnavailable: the outcome is unknown; call again with the same charge.
            PaymentRefused: this card can't be used.
        """
        params: PaymentIntentCreateParams = {
            "amount": charge.cents,
            "currency": self._currency.lower(),
            "customer": charge.stripe_customer,
            "payment_method": charge.token,
            "allowed_payment_method_types": ["card"],
            "metadata": {"order_id": charge.order_id, "shop": charge.shop},
            "description": f"Order {charge.number}",
        }
        try:
            with stripe_errors():
                intent = self._client.v1.payment_intents.create(params, {"idempotency_key": charge.key})
        except PaymentRefused as refused:
            if refused.code == CHANGED:
                raise
            # Stripe's words about a request are for developers.
            raise PaymentRefused(UNUSABLE, refused.code) from refused
        return of_intent(intent)

    def confirm(self, ref: str, return_url: str) -> Attempt:
        """Charge a prepared card, with the shopper present, and tell what became of it.

        Stripe demands a ``return_url`` of whatever may send the shopper away to answer the bank
        (https://docs.stripe.com/api/payment_intents/confirm).

        An intent succeeds at most once and loses its card when that is declined, so that a second call
        never charges again. Banks take their time: this waits longer than other calls, and is not repeated.

        Raises:
            PaymentUnavailable: the outcome is unknown.
        """
        params: PaymentIntentConfirmParams = {"off_session": False, "return_url": return_url}
        try:
            with stripe_errors():
                return of_intent(self._patient.v1.payment_intents.confirm(ref, params))
        except PaymentRefused:
            # Declined, or not to be confirmed because another call was faster: the intent knows.
            with stripe_errors():
                attempt = of_intent(self._client.v1.payment_intents.retrieve(ref))
        if attempt.state is AttemptState.OPEN and attempt.failure is None:
            return replace(attempt, failure=UNUSABLE)
        return attempt
