"""Keys, idempotency, webhooks' delivery, crashes, ordered faults."""

from __future__ import annotations

import socket
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import requests
import stripe

from tests.support.stripe_shop import (
    KEY,
    VISA,
    Receiver,
    Standin,
    eventually,
    fill,
    session_params,
    submit,
)

PAYMENT: Any = {
    "amount": 4210,
    "currency": "usd",
    "payment_method": "pm_card_visa",
    "confirm": True,
    "return_url": "http://127.0.0.1/",
}


def create(standin: Standin, key: str, **more: Any) -> Any:
    return standin.v1.payment_intents.create({**PAYMENT, **more}, {"idempotency_key": key})


def count(standin: Standin, kind: str) -> int:
    """How many of a kind the data file holds, read beside the process."""
    with sqlite3.connect(f"file:{standin.data}/stripe.sqlite3?mode=ro", uri=True) as db:
        return int(db.execute("SELECT count(*) FROM objects WHERE object = ?", (kind,)).fetchone()[0])


def test_only_the_right_key_gets_in(standin: Standin) -> None:
    with pytest.raises(stripe.AuthenticationError):
        standin.library("sk_test_other").v1.payment_intents.list()
    assert requests.get(f"{standin.base}/v1/events", timeout=5).status_code == 401
    assert requests.get(f"{standin.base}/v1/events", auth=(KEY, ""), timeout=5).status_code == 200


def test_an_unknown_id_is_a_404_and_an_unknown_host_is_refused(standin: Standin) -> None:
    with pytest.raises(stripe.InvalidRequestError) as missing:
        standin.v1.payment_intents.retrieve("pi_nothing")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    assert requests.get(f"{standin.base}/", headers={"Host": "evil.test"}, timeout=5).status_code == 400


def test_a_key_replays_its_first_answer(standin: Standin) -> None:
    key = str(uuid4())
    before = count(standin, "charge")
    first, second = create(standin, key), create(standin, key)
    assert first.id == second.id
    assert second.last_response.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert count(standin, "charge") == before + 1


def test_a_key_replays_a_decline(standin: Standin) -> None:
    key = str(uuid4())
    before = count(standin, "charge")
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            create(standin, key, payment_method="pm_card_chargeDeclined")
    assert count(standin, "charge") == before + 1


def test_a_key_refuses_other_parameters_and_other_endpoints(standin: Standin) -> None:
    key = str(uuid4())
    intent = create(standin, key)
    with pytest.raises(stripe.IdempotencyError, match="same parameters"):
        create(standin, key, amount=4211)
    with pytest.raises(stripe.IdempotencyError, match="same endpoint"):
        standin.v1.refunds.create({"payment_intent": intent.id}, {"idempotency_key": key})


def test_a_request_that_failed_validation_leaves_its_key_free(standin: Standin) -> None:
    key = str(uuid4())
    with pytest.raises(stripe.InvalidRequestError):
        create(standin, key, amount=1)
    assert create(standin, key).status == "succeeded"


def test_a_duplicate_in_flight_is_a_conflict_and_the_library_retries_it(standin: Standin) -> None:
    key = str(uuid4())
    standin.fault("POST /v1/payment_intents", "delay:0.6")
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(create, standin, key)
        eventually(lambda: requests.get(f"{standin.base}/_standin/faults", timeout=5).json() == [])
        with pytest.raises(stripe.APIError) as conflict:
            create(standin, key)
        assert conflict.value.http_status == 409
        patient = standin.library(retries=3).v1.payment_intents.create(PAYMENT, {"idempotency_key": key})
        assert patient.id == slow.result().id


def test_a_500_is_remembered_and_changed_nothing(standin: Standin) -> None:
    key = str(uuid4())
    before = count(standin, "payment_intent")
    standin.fault("POST /v1/payment_intents", "status:500")
    for _ in range(2):
        with pytest.raises(stripe.APIError) as failed:
            create(standin, key)
        assert failed.value.http_status == 500
    assert count(standin, "payment_intent") == before
    assert create(standin, str(uuid4())).status == "succeeded"


@pytest.mark.parametrize(("action", "done"), [("drop_before", 0), ("drop_after", 1)])
def test_a_cut_connection_leaves_the_outcome_unknown_and_a_retry_settles_it(
    standin: Standin, action: str, done: int
) -> None:
    key = str(uuid4())
    before = count(standin, "charge")
    standin.fault("POST /v1/payment_intents", action)
    with pytest.raises(stripe.APIConnectionError):
        create(standin, key)
    assert count(standin, "charge") == before + done
    assert create(standin, key).status == "succeeded"
    assert count(standin, "charge") == before + 1


def test_the_hosted_page_can_be_cut_off_after_paying(standin: Standin) -> None:
    session = standin.v1.checkout.sessions.create(session_params())
    standin.fault("POST /c/pay/*", "drop_after")
    with pytest.raises(requests.ConnectionError):
        submit(session.url, fill(VISA))
    assert standin.v1.checkout.sessions.retrieve(session.id).payment_status == "paid"


def test_webhooks_come_again_until_taken_and_in_order(standin: Standin, receiver: Receiver) -> None:
    standin.control("deliver", paused=True)
    first, second = create(standin, str(uuid4())), create(standin, str(uuid4()))
    receiver.refused.clear()
    receiver.refuse = 1
    assert receiver.about(first.id) == []
    started = time.monotonic()
    standin.control("deliver", paused=False)
    eventually(lambda: receiver.about(first.id))
    assert time.monotonic() - started >= 0.9
    order = [event.data.object.id for event in receiver.events[-2:]]
    assert order == [second.id, first.id]  # the refused one waited, the other did not wait for it
    assert receiver.refused == [receiver.events[-1].id]
    event = standin.v1.events.retrieve(receiver.events[-1].id)
    assert (event.type, event.data.object.id) == ("payment_intent.succeeded", first.id)
    listed = standin.v1.events.list({"types": ["payment_intent.succeeded"], "limit": 2}).data
    assert [one.data.object.id for one in listed] == [second.id, first.id]


def test_an_event_can_be_sent_again(standin: Standin, receiver: Receiver) -> None:
    intent = create(standin, str(uuid4()))
    eventually(lambda: receiver.about(intent.id))
    # By its object: an event of the test before may come in just now.
    (first,) = [event for event in receiver.events if event.data.object.id == intent.id]
    standin.control("deliver", event=first.id)
    eventually(lambda: receiver.about(intent.id) == ["payment_intent.succeeded"] * 2)


def test_everything_answered_survives_kill_9(own_standin: Standin, receiver: Receiver) -> None:
    key = str(uuid4())
    own_standin.control("deliver", paused=True)
    session = own_standin.v1.checkout.sessions.create(session_params())
    kept = own_standin.v1.checkout.sessions.create(session_params(), {"idempotency_key": f"s-{key}"})
    submit(session.url, fill(VISA))
    intent = create(own_standin, key)
    own_standin.kill()
    own_standin.start()
    paid = own_standin.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})
    assert (paid.payment_status, paid.payment_intent.latest_charge.paid) == ("paid", True)
    assert create(own_standin, key).id == intent.id
    assert own_standin.v1.payment_intents.retrieve(intent.id).status == "succeeded"
    # Events that were waiting go out now, and a replayed answer points to where the page is now.
    eventually(lambda: receiver.about(session.id) == ["checkout.session.completed"])
    again = own_standin.v1.checkout.sessions.create(session_params(), {"idempotency_key": f"s-{key}"})
    assert again.id == kept.id
    assert requests.get(again.url, timeout=5).status_code == 200


def test_kill_9_in_the_middle_of_payments_loses_none_that_was_answered(own_standin: Standin) -> None:
    answered: list[str] = []

    def shopper(_: int) -> None:
        for _ in range(200):
            try:
                answered.append(create(own_standin, str(uuid4())).id)
            except stripe.APIConnectionError:
                return

    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(shopper, n) for n in range(3)]
        eventually(lambda: len(answered) >= 30)
        own_standin.kill()
        for one in running:
            one.result()
    own_standin.start()
    for id in answered:
        assert own_standin.v1.payment_intents.retrieve(id).status == "succeeded"
    charges = count(own_standin, "charge")
    assert len(answered) <= charges <= len(answered) + 3
    assert count(own_standin, "event") == charges  # a change and its event are one


@pytest.mark.parametrize("path", ["/v1/refunds", "/c/pay/{session}"])
def test_slow_bodies_hold_nobody_else_up(standin: Standin, path: str) -> None:
    session = standin.v1.checkout.sessions.create(session_params())
    port = urlsplit(standin.base).port
    head = f"POST {path.format(session=session.id)} HTTP/1.1\r\nHost: localhost\r\n"
    head += f"Authorization: Bearer {KEY}\r\n"
    kind = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\namount="
    slow = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(20)]
    try:
        for connection in slow:
            connection.sendall((head + kind).encode())
        assert create(standin, str(uuid4())).status == "succeeded"
    finally:
        for connection in slow:
            connection.close()


def test_sigterm_twice_stops_it_at_once(own_standin: Standin) -> None:
    started = time.monotonic()
    own_standin.process.terminate()
    own_standin.process.terminate()
    assert own_standin.process.wait(5) == 0
    assert time.monotonic() - started < 2


def test_one_folder_serves_one_process(own_standin: Standin) -> None:
    with pytest.raises(AssertionError):
        Standin(own_standin.data, "")
    assert own_standin.v1.events.list().data == []
