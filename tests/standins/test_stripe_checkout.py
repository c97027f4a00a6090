"""Hosted pages: paying, declines, 3-D Secure, saving cards, expiry."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
import stripe

from tests.support.stripe_shop import (
    ASKS_ALWAYS,
    ASKS_ONCE,
    CANCEL,
    DECLINED,
    VISA,
    Receiver,
    Standin,
    answer_challenge,
    eventually,
    fill,
    session_params,
    setup_params,
    submit,
)


def test_a_session_is_paid_through_its_form_and_told_by_signed_events(
    standin: Standin, receiver: Receiver
) -> None:
    session = standin.v1.checkout.sessions.create(session_params(customer_email="ada@example.com"))
    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    assert session.amount_total == 4210
    assert session.url.startswith("http://localhost:")

    page = requests.get(session.url, timeout=5)
    assert "Pay $42.10" in page.text
    assert "Blue &amp; white" in page.text
    assert f'href="{CANCEL}"' in page.text
    assert 'value="ada@example.com"' in page.text
    for token in ("cc-number", "cc-exp", "cc-csc", "cc-name"):
        assert f'autocomplete="{token}"' in page.text
    assert "script" not in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self' http://127.0.0.1:8000;" in policy

    answer = submit(session.url, fill(VISA))
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"http://127.0.0.1:8000/orders/1/return?session={session.id}"

    paid = standin.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    intent = paid.payment_intent
    assert (intent.status, intent.amount_received, intent.currency) == ("succeeded", 4210, "usd")
    assert intent.metadata["order_id"] == "order-1"
    assert intent.latest_charge.payment_method_details.card.last4 == "4242"
    assert [one.id for one in standin.v1.checkout.sessions.list({"payment_intent": intent.id}).data] == [
        session.id
    ]
    eventually(lambda: receiver.about(session.id) == ["checkout.session.completed"])
    assert receiver.about(intent.id) == ["payment_intent.succeeded"]
    assert "Your payment went through" in requests.get(f"{standin.base}/c/pay/{session.id}", timeout=5).text


def test_a_decline_leaves_the_page_open_for_another_card(standin: Standin, receiver: Receiver) -> None:
    session = standin.v1.checkout.sessions.create(session_params())
    declined = submit(session.url, fill(DECLINED))
    assert declined.status_code == 402
    assert "Your card was declined." in declined.text
    tried = standin.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert (tried.status, tried.payment_status) == ("open", "unpaid")
    assert tried.payment_intent.status == "requires_payment_method"
    assert tried.payment_intent.last_payment_error.decline_code == "generic_decline"

    assert submit(session.url, fill(VISA)).status_code == 303
    paid = standin.v1.checkout.sessions.retrieve(session.id)
    assert paid.payment_intent == tried.payment_intent.id
    eventually(
        lambda: (
            receiver.about(paid.payment_intent)
            == ["payment_intent.payment_failed", "payment_intent.succeeded"]
        )
    )


@pytest.mark.parametrize(
    ("entry", "field", "message"),
    [
        ({"number": "4242424242424241"}, "number", "Your card number is invalid."),
        ({"number": "٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢"}, "number", "Your card number is invalid."),
        ({"exp": "01/20"}, "exp", "Your card&#39;s expiry date is in the past."),
        ({"exp": "13/40"}, "exp", "The month is a number from 01 to 12."),
        ({"cvc": "12"}, "cvc", "The security code has 3 digits."),
        ({"number": "378282246310005"}, "cvc", "The security code has 4 digits."),
        ({"email": "ada"}, "email", "Enter your e-mail address, such as name@example.com."),
    ],
)
def test_wrong_entries_are_told_at_their_field_and_kept(
    standin: Standin, entry: dict[str, str], field: str, message: str
) -> None:
    session = standin.v1.checkout.sessions.create(session_params())
    typed = fill(VISA, **entry)
    answer = submit(session.url, typed)
    assert answer.status_code == 422
    assert re.findall(r'<p class="error" id="(.*?)-error">(.*?)</p>', answer.text) == [(field, message)]
    for name, value in typed.items():
        assert re.search(rf'name="{name}" type="\w+" value="{re.escape(value)}"', answer.text)
    assert standin.v1.checkout.sessions.retrieve(session.id).payment_intent is None


def test_two_posts_at_once_make_one_charge(standin: Standin, receiver: Receiver) -> None:
    session = standin.v1.checkout.sessions.create(session_params())
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: submit(session.url, fill(VISA)), range(6)))
    assert {answer.status_code for answer in answers} == {303}
    paid = standin.v1.checkout.sessions.retrieve(session.id)
    assert len(standin.v1.charges.list({"payment_intent": paid.payment_intent}).data) == 1
    eventually(lambda: receiver.about(session.id))
    assert receiver.about(session.id) == ["checkout.session.completed"]


def test_three_d_secure_can_fail_and_then_complete(standin: Standin) -> None:
    session = standin.v1.checkout.sessions.create(session_params())
    challenge = f"{session.url}/authentication"
    assert submit(session.url, fill(ASKS_ONCE)).headers["Location"] == f"/c/pay/{session.id}/authentication"
    page = requests.get(challenge, timeout=5).text
    assert "$42.10" in page
    assert "Complete" in page
    waiting = standin.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert waiting.payment_intent.status == "requires_action"

    assert answer_challenge(challenge, "fail").headers["Location"] == f"/c/pay/{session.id}"
    assert "failed authentication" in requests.get(session.url, timeout=5).text
    failed = standin.v1.payment_intents.retrieve(waiting.payment_intent.id)
    assert failed.status == "requires_payment_method"
    assert failed.last_payment_error.code == "payment_intent_authentication_failure"

    submit(session.url, fill(ASKS_ONCE))
    assert session.id in answer_challenge(challenge, "complete").headers["Location"]
    assert standin.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_an_expired_session_takes_no_money_and_cancels_its_attempt(
    standin: Standin, receiver: Receiver
) -> None:
    session = standin.v1.checkout.sessions.create(session_params())
    submit(session.url, fill(DECLINED))
    expired = standin.v1.checkout.sessions.expire(session.id)
    assert (expired.status, expired.url) == ("expired", None)
    assert standin.v1.payment_intents.retrieve(expired.payment_intent).status == "canceled"
    late = submit(session.url, fill(VISA))
    assert late.status_code == 409
    assert "This page has expired" in late.text
    with pytest.raises(stripe.InvalidRequestError, match="can be expired"):
        standin.v1.checkout.sessions.expire(session.id)
    eventually(lambda: receiver.about(session.id) == ["checkout.session.expired"])
    assert receiver.about(expired.payment_intent)[-1] == "payment_intent.canceled"


def test_sessions_expire_by_themselves(own_standin: Standin, receiver: Receiver) -> None:
    params = session_params(expires_at=int(time.time()) + 31 * 60)
    session = own_standin.v1.checkout.sessions.create(params)
    own_standin.control("clock", advance=30 * 60)
    assert own_standin.v1.checkout.sessions.retrieve(session.id).status == "open"
    own_standin.control("clock", advance=2 * 60)
    # Nobody asks: the event comes all the same.
    eventually(lambda: receiver.about(session.id) == ["checkout.session.expired"])
    assert own_standin.v1.checkout.sessions.retrieve(session.id).status == "expired"


def test_a_card_saved_in_setup_mode_is_offered_and_pays(standin: Standin, receiver: Receiver) -> None:
    customer = standin.v1.customers.create({"email": "ada@example.com"})
    setup = standin.v1.checkout.sessions.create(setup_params(customer.id))
    assert "Save card" in requests.get(setup.url, timeout=5).text
    assert submit(setup.url, fill(DECLINED)).status_code == 402
    assert submit(setup.url, fill(VISA)).status_code == 303
    done = standin.v1.checkout.sessions.retrieve(setup.id, {"expand": ["setup_intent"]})
    assert (done.status, done.payment_status) == ("complete", "no_payment_required")
    assert done.setup_intent.status == "succeeded"
    (card,) = standin.v1.customers.payment_methods.list(customer.id).data
    assert (card.id, card.card.last4) == (done.setup_intent.payment_method, "4242")
    eventually(lambda: receiver.about(setup.setup_intent) == ["setup_intent.succeeded"])

    session = standin.v1.checkout.sessions.create(session_params(customer=customer.id))
    assert re.search(rf'value="{card.id}" checked> Visa •••• 4242', requests.get(session.url, timeout=5).text)
    stranger = standin.v1.checkout.sessions.create(session_params())
    assert submit(stranger.url, {"card": card.id, "email": "eve@example.com"}).status_code == 422
    assert submit(session.url, {"card": card.id, "email": "ada@example.com"}).status_code == 303
    assert standin.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_a_card_is_saved_while_paying_only_if_the_shopper_says_so(standin: Standin) -> None:
    customer = standin.v1.customers.create({"email": "ada@example.com"})
    offered = session_params(
        customer=customer.id, saved_payment_method_options={"payment_method_save": "enabled"}
    )
    unticked = standin.v1.checkout.sessions.create(offered)
    submit(unticked.url, fill(VISA))
    assert standin.v1.payment_methods.list({"customer": customer.id}).data == []
    ticked = standin.v1.checkout.sessions.create(offered)
    submit(ticked.url, fill(ASKS_ALWAYS, save="1"))
    answer_challenge(f"{ticked.url}/authentication", "complete")
    (card,) = standin.v1.payment_methods.list({"customer": customer.id}).data
    assert card.allow_redisplay == "always"


@pytest.mark.parametrize(
    ("more", "code", "param"),
    [
        ({"expires_at": 30 * 60 - 5}, None, "expires_at"),
        ({"expires_at": 24 * 3600 + 60}, None, "expires_at"),
        (
            {"payment_method_types": ["card"]},
            "payment_method_types_no_longer_supported",
            "payment_method_types",
        ),
        ({"customer": "cus_nobody"}, "resource_missing", "customer"),
        ({"line_items": []}, "parameter_missing", "line_items"),
        ({"flavour": "mint"}, "parameter_unknown", "flavour"),
        ({"success_url": "orders/1"}, "url_invalid", "success_url"),
    ],
)
def test_sessions_that_stripe_refuses_are_refused(
    standin: Standin, more: dict[str, object], code: str | None, param: str
) -> None:
    if isinstance(seconds := more.get("expires_at"), int):
        more = {"expires_at": int(time.time()) + seconds}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        standin.v1.checkout.sessions.create(session_params(**more))
    assert (refused.value.http_status, refused.value.code, refused.value.param) == (400, code, param)


@pytest.mark.parametrize(("cents", "code"), [(49, "amount_too_small"), (100_000_000, "amount_too_large")])
def test_totals_outside_stripes_limits_are_refused(standin: Standin, cents: int, code: str) -> None:
    params = session_params()
    params["line_items"][0]["quantity"] = 1
    params["line_items"][0]["price_data"]["unit_amount"] = cents
    with pytest.raises(stripe.InvalidRequestError) as refused:
        standin.v1.checkout.sessions.create(params)
    assert refused.value.code == code
