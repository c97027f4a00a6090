"""What Stripe says, in the shop's words: above all what is a definite no, and what is not known."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from storefront.domain.errors import PaymentRefused, PaymentUnavailable
from storefront.payments.provider import AttemptState, RefundState
from storefront.payments.translation import (
    REMEMBERED,
    forgetting_failures,
    of_card,
    of_intent,
    of_refund,
    of_session,
    stripe_errors,
)


def session(**fields: Any) -> stripe.checkout.Session:
    known = {
        "id": "cs_1",
        "object": "checkout.session",
        "status": "open",
        "payment_status": "unpaid",
        "currency": "usd",
        "amount_total": 4210,
        "payment_intent": None,
        "customer": None,
        "url": "https://pay",
        "metadata": {},
    }
    return stripe.checkout.Session.construct_from({**known, **fields}, "sk_test")


def intent(**fields: Any) -> stripe.PaymentIntent:
    known = {
        "id": "pi_1",
        "object": "payment_intent",
        "status": "requires_confirmation",
        "amount_received": 0,
        "currency": "eur",
        "customer": None,
        "payment_method": None,
        "last_payment_error": None,
        "metadata": {},
    }
    return stripe.PaymentIntent.construct_from({**known, **fields}, "sk_test")


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, AttemptState.OPEN),
        ({"status": "complete"}, AttemptState.PROCESSING),
        ({"status": "complete", "payment_status": "paid"}, AttemptState.CAPTURED),
        ({"status": "expired"}, AttemptState.CLOSED),
        ({"status": "expired", "payment_status": "paid"}, AttemptState.CAPTURED),
        ({"status": "open", "payment_intent": intent(status="processing")}, AttemptState.PROCESSING),
    ],
)
def test_a_page_is_in_one_state(fields: dict[str, Any], state: AttemptState) -> None:
    assert of_session(session(**fields)).state is state


def test_only_a_paid_page_has_captured_its_total() -> None:
    assert of_session(session()).captured_cents == 0
    assert of_session(session(payment_status="paid")).captured_cents == 4210


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("succeeded", AttemptState.CAPTURED),
        ("processing", AttemptState.PROCESSING),
        ("canceled", AttemptState.CLOSED),
        ("requires_action", AttemptState.OPEN),
        ("something_new", AttemptState.OPEN),
    ],
)
def test_an_intent_is_over_only_if_stripe_says_so(status: str, state: AttemptState) -> None:
    found = of_intent(intent(status=status, metadata={"order_id": "o1"}))
    assert (found.state, found.currency, found.order_id) == (state, "EUR", "o1")


def test_a_decline_without_words_gets_some() -> None:
    assert of_intent(intent()).failure is None
    assert of_intent(intent(last_payment_error={"message": None})).failure == "The payment was declined."


def test_a_method_that_is_no_card_is_nothing_to_keep() -> None:
    method = stripe.PaymentMethod.construct_from({"id": "pm_1", "card": None}, "sk_test")
    with pytest.raises(PaymentUnavailable):
        of_card(method)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("succeeded", RefundState.DONE),
        ("failed", RefundState.REFUSED),
        ("canceled", RefundState.REFUSED),
        ("pending", RefundState.PENDING),
        ("requires_action", RefundState.PENDING),
        (None, RefundState.PENDING),
    ],
)
def test_a_refund_is_refused_only_by_a_definite_word(status: str | None, state: RefundState) -> None:
    assert of_refund(status) is state


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (stripe.CardError("Declined.", "number", "card_declined"), PaymentRefused),
        (stripe.InvalidRequestError("No such intent", "id"), PaymentRefused),
        (stripe.APIConnectionError("gone"), PaymentUnavailable),
        (stripe.APIError("500"), PaymentUnavailable),
        (stripe.RateLimitError("slow down"), PaymentUnavailable),
        (stripe.AuthenticationError("wrong key"), PaymentUnavailable),
    ],
)
def test_only_a_definite_no_is_a_refusal(error: Exception, kind: type[Exception]) -> None:
    with pytest.raises(kind), stripe_errors():
        raise error


@pytest.mark.parametrize(("headers", "forgotten"), [({"Idempotent-Replayed": "true"}, True), ({}, False)])
def test_a_failure_that_stripe_repeats_by_its_key_is_a_no(headers: dict[str, str], forgotten: bool) -> None:
    with (
        pytest.raises((PaymentRefused, PaymentUnavailable)) as caught,
        forgetting_failures(),
        stripe_errors(),
    ):
        raise stripe.APIError("500", headers=headers)
    assert isinstance(caught.value, PaymentRefused) is forgotten
    if isinstance(caught.value, PaymentRefused):
        assert caught.value.code == REMEMBERED
