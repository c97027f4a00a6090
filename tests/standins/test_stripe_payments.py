"""PaymentIntents, saved cards, refunds, lists."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import stripe

from tests.support.stripe_shop import Receiver, Standin, answer_challenge, eventually


def pay(standin: Standin, method: str = "pm_card_visa", **more: Any) -> Any:
    params = {"amount": 4210, "currency": "usd", "payment_method": method, "confirm": True, **more}
    if "off_session" not in more:
        params = {"return_url": "http://127.0.0.1/", **params}
    return standin.v1.payment_intents.create(params)


def saved_card(standin: Standin, method: str) -> tuple[str, str]:
    customer = standin.v1.customers.create({"email": "ada@example.com"})
    return customer.id, standin.v1.payment_methods.attach(method, {"customer": customer.id}).id


def test_a_saved_card_pays_off_session_after_create_and_confirm(standin: Standin, receiver: Receiver) -> None:
    customer, card = saved_card(standin, "pm_card_mastercard")
    created = standin.v1.payment_intents.create(
        {
            "amount": 4210,
            "currency": "usd",
            "customer": customer,
            "payment_method": card,
            "metadata": {"order_id": "order-1"},
        }
    )
    assert (created.status, created.amount_received) == ("requires_confirmation", 0)
    paid = standin.v1.payment_intents.confirm(created.id, {"off_session": True, "expand": ["latest_charge"]})
    assert (paid.status, paid.amount_received) == ("succeeded", 4210)
    assert paid.latest_charge.payment_method_details.card.brand == "mastercard"
    assert standin.v1.charges.retrieve(paid.latest_charge.id).amount_refunded == 0
    assert [one.id for one in standin.v1.payment_intents.list({"customer": customer}).data] == [created.id]
    eventually(lambda: receiver.about(created.id) == ["payment_intent.succeeded"])
    with pytest.raises(stripe.InvalidRequestError) as again:
        standin.v1.payment_intents.confirm(created.id)
    assert again.value.code == "payment_intent_unexpected_state"


@pytest.mark.parametrize(
    ("method", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", None),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", None),
    ],
)
def test_a_decline_is_a_402_that_carries_the_intent(
    standin: Standin, method: str, code: str, decline_code: str | None
) -> None:
    with pytest.raises(stripe.CardError) as declined:
        pay(standin, method)
    body: Any = declined.value.json_body
    error = body["error"]
    assert (declined.value.http_status, declined.value.code) == (402, code)
    assert error.get("decline_code") == decline_code
    intent = standin.v1.payment_intents.retrieve(error["payment_intent"]["id"], {"expand": ["latest_charge"]})
    assert (intent.status, intent.latest_charge.status) == ("requires_payment_method", "failed")
    assert intent.last_payment_error.code == code
    retried = standin.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert (retried.status, retried.last_payment_error) == ("succeeded", None)


def test_a_card_that_attaches_can_still_decline(standin: Standin) -> None:
    customer, card = saved_card(standin, "pm_card_chargeCustomerFail")
    with pytest.raises(stripe.CardError):
        pay(standin, card, customer=customer, off_session=True)
    with pytest.raises(stripe.CardError):
        saved_card(standin, "pm_card_chargeDeclined")


def test_authentication_is_asked_on_session_and_declines_off_session(standin: Standin) -> None:
    customer, card = saved_card(standin, "pm_card_authenticationRequired")
    with pytest.raises(stripe.CardError) as declined:
        pay(standin, card, customer=customer, off_session=True)
    assert declined.value.code == "authentication_required"

    asked = pay(standin, card, customer=customer, return_url="http://127.0.0.1:8000/back?order=1")
    assert asked.status == "requires_action"
    url = asked.next_action.redirect_to_url.url
    assert "Complete" in requests.get(url, timeout=5).text
    back = answer_challenge(url, "complete").headers["Location"]
    assert back.startswith("http://127.0.0.1:8000/back?order=1&payment_intent=pi_")
    assert back.endswith("redirect_status=succeeded")
    assert standin.v1.payment_intents.retrieve(asked.id).status == "succeeded"


def test_a_card_set_up_with_authentication_pays_off_session(standin: Standin) -> None:
    customer = standin.v1.customers.create({}).id
    setup = standin.v1.setup_intents.create(
        {
            "customer": customer,
            "payment_method": "pm_card_authenticationRequiredOnSetup",
            "confirm": True,
            "return_url": "http://127.0.0.1:8000/back",
        }
    )
    assert setup.status == "requires_action"
    answer_challenge(setup.next_action.redirect_to_url.url, "complete")
    done = standin.v1.setup_intents.retrieve(setup.id)
    assert done.status == "succeeded"
    assert pay(standin, done.payment_method, customer=customer, off_session=True).status == "succeeded"


def test_somebody_elses_card_and_a_detached_one_are_refused(standin: Standin) -> None:
    _, card = saved_card(standin, "pm_card_visa")
    other = standin.v1.customers.create({}).id
    owners: list[dict[str, str]] = [{}, {"customer": other}]
    for customer in owners:
        with pytest.raises(stripe.InvalidRequestError):
            pay(standin, card, **customer)
    standin.v1.payment_methods.detach(card)
    with pytest.raises(stripe.InvalidRequestError):
        standin.v1.payment_methods.attach(card, {"customer": other})


def test_cancel_works_before_success_only(standin: Standin, receiver: Receiver) -> None:
    intent = standin.v1.payment_intents.create({"amount": 4210, "currency": "usd"})
    assert standin.v1.payment_intents.cancel(intent.id).status == "canceled"
    eventually(lambda: receiver.about(intent.id) == ["payment_intent.canceled"])
    for late in (intent.id, pay(standin).id):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            standin.v1.payment_intents.cancel(late)
        assert refused.value.code == "payment_intent_unexpected_state"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"amount": 49}, "amount_too_small"),
        ({"amount": 100_000_000}, "amount_too_large"),
        ({"amount": "1_000"}, "parameter_invalid_integer"),
        ({"payment_method_types": ["card"]}, "payment_method_types_no_longer_supported"),
        ({"customer": "cus_nobody"}, "resource_missing"),
    ],
)
def test_intents_that_stripe_refuses_are_refused(standin: Standin, params: dict[str, Any], code: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        standin.v1.payment_intents.create({"amount": 5000, "currency": "usd", **params})
    assert refused.value.code == code


def test_a_charge_is_refunded_in_parts_and_once_only(standin: Standin, receiver: Receiver) -> None:
    intent = pay(standin)
    part = standin.v1.refunds.create({"payment_intent": intent.id, "amount": 1000})
    assert (part.status, part.amount) == ("succeeded", 1000)
    with pytest.raises(stripe.InvalidRequestError, match=r"\(\$32\.11\) is greater than .* \(\$32\.10\)"):
        standin.v1.refunds.create({"payment_intent": intent.id, "amount": 3211})
    rest = standin.v1.refunds.create({"charge": intent.latest_charge})
    assert rest.amount == 3210
    with pytest.raises(stripe.InvalidRequestError) as again:
        standin.v1.refunds.create({"payment_intent": intent.id})
    assert again.value.code == "charge_already_refunded"
    charge = standin.v1.charges.retrieve(intent.latest_charge)
    assert (charge.amount_refunded, charge.refunded) == (4210, True)
    assert [one.id for one in standin.v1.refunds.list({"payment_intent": intent.id}).data] == [
        rest.id,
        part.id,
    ]
    eventually(lambda: receiver.about(rest.id) == ["refund.created", "refund.updated"])
    assert receiver.about(charge.id) == ["charge.refunded", "charge.refunded"]


def test_refunds_can_fail_later_or_take_a_while(standin: Standin, receiver: Receiver) -> None:
    failing, pending = pay(standin, "pm_card_refundFail"), pay(standin, "pm_card_pendingRefund")
    fails = standin.v1.refunds.create({"payment_intent": failing.id})
    waits = standin.v1.refunds.create({"payment_intent": pending.id})
    assert (fails.status, waits.status) == ("succeeded", "pending")
    eventually(lambda: receiver.about(fails.id) == ["refund.created", "refund.failed"])
    eventually(lambda: receiver.about(waits.id) == ["refund.created", "refund.updated"])
    assert standin.v1.refunds.retrieve(fails.id).status == "failed"
    assert standin.v1.refunds.retrieve(waits.id).status == "succeeded"
    assert standin.v1.charges.retrieve(failing.latest_charge).amount_refunded == 0


def test_the_dispute_card_pays_and_is_disputed(standin: Standin, receiver: Receiver) -> None:
    intent = pay(standin, "pm_card_createDispute")
    assert intent.status == "succeeded"

    (dispute,) = standin.v1.disputes.list({"payment_intent": intent.id}).data
    assert (dispute.charge, dispute.amount) == (intent.latest_charge, 4210)
    eventually(lambda: receiver.about(dispute.id) == ["charge.dispute.created"])


def test_lists_come_in_pages_newest_first(standin: Standin) -> None:
    customer = standin.v1.customers.create({}).id
    made = [
        standin.v1.payment_intents.create({"amount": 100 + n, "currency": "usd", "customer": customer}).id
        for n in range(5)
    ]
    first = standin.v1.payment_intents.list({"customer": customer, "limit": 2})
    assert first.has_more
    assert [one.id for one in first.auto_paging_iter()] == made[::-1]


def test_a_deleted_customer_loses_the_cards(standin: Standin) -> None:
    customer, card = saved_card(standin, "pm_card_visa")
    standin.v1.customers.update(customer, {"name": "Ada", "metadata": {"user_id": "7"}})
    assert standin.v1.customers.delete(customer).deleted
    assert standin.v1.customers.retrieve(customer).deleted
    assert standin.v1.payment_methods.retrieve(card).customer is None
    with pytest.raises(stripe.InvalidRequestError):
        standin.v1.customers.update(customer, {"name": "Eve"})
