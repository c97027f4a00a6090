"""What needs a person is listed, logged, counted and mailed, each of them once."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from storefront.domain.attention import AttentionKind
from storefront.domain.errors import NotFound, StoreUnavailable
from storefront.domain.orders import EventKind
from storefront.domain.payments import RefundReason
from storefront.payments.provider import ProviderEvent, RefundState
from storefront.process import Process
from storefront.services import attention
from storefront.services.payments import paying_back, refunds, webhooks
from storefront.stores import Stores
from tests.support.concurrency import at_once
from tests.support.database import sql
from tests.support.factories import order
from tests.support.mailbox import Mailbox, body
from tests.support.till import Till, capture, captured

DISPUTED_CARD = "4000000000000259"


def put(stores: Stores, kind: AttentionKind = AttentionKind.DISPUTE, subject: str = "du_1") -> bool:
    with stores.transaction():
        return attention.raise_(stores, kind, subject)


def put_and_fail(stores: Stores) -> None:
    with stores.transaction():
        attention.raise_(stores, AttentionKind.DISPUTE, "du_1")
        raise ZeroDivisionError


def kinds(stores: Stores) -> list[tuple[AttentionKind, UUID | None]]:
    return [(item.kind, item.order_id) for item in stores.attention.open()]


# --- the list


def test_what_is_open_is_listed_once_a_kind_and_subject(stores: Stores) -> None:
    assert [put(stores), put(stores), put(stores, subject="du_2")] == [True, False, True]
    assert [item.subject for item in stores.attention.open()] == ["du_1", "du_2"]


def test_the_same_at_once_is_listed_once(process: Process, stores: Stores) -> None:
    done = at_once(*[lambda: put(process.stores())] * 8)
    assert done.errors == []
    assert len(stores.attention.open()) == 1


def test_what_was_seen_to_may_come_up_again(stores: Stores) -> None:
    put(stores)
    (item,) = stores.attention.open()
    attention.done(stores, item.id)
    attention.done(stores, item.id)
    assert stores.attention.open() == []
    assert put(stores) is True
    with pytest.raises(NotFound):
        attention.done(stores, item.id + 1000)


def test_what_ends_by_itself_leaves_the_list(stores: Stores) -> None:
    put(stores)
    for expected in (True, False):
        with stores.transaction():
            assert attention.resolve(stores, AttentionKind.DISPUTE, "du_1") is expected
    assert stores.attention.open() == []


def test_it_is_logged_once_and_only_if_it_came_to_pass(stores: Stores) -> None:
    with capture_logs() as logs:
        with pytest.raises(ZeroDivisionError):
            put_and_fail(stores)
        assert logs == []
        put(stores)
        put(stores)
    assert [(one["event"], one["log_level"], one["kind"]) for one in logs] == [
        ("attention", "error", "dispute")
    ]
    assert len(stores.attention.open()) == 1


# --- who raises it


def test_a_dispute_needs_a_person_once(till: Till) -> None:
    order_id = till.paid(card=DISPUTED_CARD)
    event = ProviderEvent("evt_1", webhooks.DISPUTE, "du_1", None, till.intent(order_id))
    for _ in range(2):
        webhooks.handle(till.stores, till.process.stripe, event)
    assert kinds(till.stores) == [(AttentionKind.DISPUTE, order_id)]
    (item,) = till.stores.attention.open()
    attention.done(till.stores, item.id)
    webhooks.handle(till.stores, till.process.stripe, event)
    assert kinds(till.stores) == [], "the same event again does not undo what an operator did"


def test_a_refused_refund_needs_a_person_as_the_shopper_is_told(till: Till) -> None:
    order_id = till.paid()
    refunds.refund(till.stores, order_id, restock=True, reason=RefundReason.OPERATOR)
    (refund,) = till.view(order_id).refunds
    for _ in range(2):
        paying_back.record(till.stores, order_id, refund.refund_id, RefundState.REFUSED)
    assert EventKind.REFUND_REFUSED in till.kinds(order_id)
    assert kinds(till.stores) == [(AttentionKind.REFUND_REFUSED, order_id)]
    paying_back.record(till.stores, order_id, refund.refund_id, RefundState.DONE)
    assert kinds(till.stores) == [], "done after all: nothing is left to do"


def test_a_wrong_amount_needs_a_person(till: Till) -> None:
    order_id = order(till.stores)
    till.start(order_id)
    for _ in range(2):
        till.apply(order_id, captured(till.stores, order_id, cents=1))
    assert kinds(till.stores) == [(AttentionKind.AMOUNT_MISMATCH, order_id)]


def test_a_payment_that_goes_well_needs_nobody(till: Till) -> None:
    order_id = till.paid()
    refunds.refund(till.stores, order_id, restock=True, reason=RefundReason.OPERATOR)
    till.pay_back(order_id)
    assert kinds(till.stores) == []


# --- the mail


def mail(process: Process) -> int:
    return attention.mail_operator(process, process.stores())


@pytest.fixture
def operated(process: Process) -> Process:
    process.settings.operator_mail = "owner@example.com"
    return process


def test_the_operator_is_mailed_of_kinds_and_numbers_and_of_no_name(
    operated: Process, stores: Stores, mailbox: Mailbox
) -> None:
    order_id = order(stores)
    capture(stores, order_id)
    number = stores.orders.summary(order_id).number
    with stores.transaction():
        attention.raise_(stores, AttentionKind.DISPUTE, "du_1", order_id)
        attention.raise_(stores, AttentionKind.PARCEL_LOST, str(uuid4()), order_id, code="00340")
    assert mail(operated) == 2
    letter = mailbox.only()
    assert letter["To"].addresses[0].addr_spec == "owner@example.com"
    for words in (body(letter), body(letter, "html")):
        for expected in ("dispute", "parcel_lost", "00340", number):
            assert expected in words
        for personal in ("Ada", "Marsh", "Mill Lane", "ada@example.com"):
            assert personal not in words


def test_what_comes_up_within_a_quarter_of_an_hour_waits_for_one_mail(
    operated: Process, stores: Stores, mailbox: Mailbox
) -> None:
    put(stores)
    assert mail(operated) == 1
    put(stores, subject="du_2")
    put(stores, subject="du_3")
    assert mail(operated) == 0
    sql(stores, "UPDATE attention SET mailed_at = mailed_at - interval '15 minutes' WHERE mailed_at < now()")
    assert mail(operated) == 2
    assert mail(operated) == 0
    assert len(mailbox.mails()) == 2


def test_many_workers_send_one_mail(operated: Process, stores: Stores, mailbox: Mailbox) -> None:
    put(stores)
    done = at_once(*[lambda: mail(operated)] * 8)
    assert done.errors == []
    assert len(mailbox.mails()) == 1


def test_a_mail_that_could_not_be_sent_goes_out_later(
    operated: Process, stores: Stores, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(stores)
    with monkeypatch.context() as away:
        away.setenv("AWS_ENDPOINT_URL_SESV2", "http://127.0.0.1:9")
        with pytest.raises(StoreUnavailable):
            mail(Process(operated.settings))
    assert mail(operated) == 0, "not at once again"
    sql(stores, "UPDATE attention SET mail_after = now() - interval '1 second'")
    assert mail(operated) == 1
    assert len(mailbox.mails()) == 1


def test_a_worker_that_died_while_mailing_is_taken_over_from(
    operated: Process, stores: Stores, mailbox: Mailbox
) -> None:
    put(stores)
    with stores.transaction():
        assert len(stores.attention.claim_mail(attention.MAIL_EVERY, timedelta(seconds=60))) == 1
    put(stores, subject="du_2")
    assert mail(operated) == 0, "its mail may be on its way"
    sql(stores, "UPDATE attention SET mail_after = now() - interval '1 second' WHERE mail_after < 'infinity'")
    assert mail(operated) == 2


def test_what_was_seen_to_before_the_mail_is_not_told(
    operated: Process, stores: Stores, mailbox: Mailbox
) -> None:
    put(stores)
    attention.done(stores, stores.attention.open()[0].id)
    assert mail(operated) == 0


def test_without_an_address_nobody_is_mailed_and_nothing_is_lost(
    process: Process, stores: Stores, mailbox: Mailbox
) -> None:
    put(stores)
    assert mail(process) == 0
    process.settings.operator_mail = "owner@example.com"
    assert mail(process) == 1


# --- the figure


def test_every_kind_is_a_figure_also_when_there_is_none(client: FlaskClient, stores: Stores) -> None:
    put(stores)
    put(stores, subject="du_2")
    told = client.get("/metrics", environ_base={"REMOTE_ADDR": "127.0.0.1"}).text
    assert 'storefront_attention{kind="dispute"} 2.0' in told
    for kind in set(AttentionKind) - {AttentionKind.DISPUTE}:
        assert f'storefront_attention{{kind="{kind}"}} 0.0' in told
