"""Mails go out at least once, and nothing waits for them, whatever SES does."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from storefront.domain.errors import StoreUnavailable
from storefront.domain.orders import OrderStatus
from storefront.process import Process
from storefront.services import mail, news
from storefront.services.worker import Worker
from storefront.stores import Stores
from tests.support.concurrency import wait_until
from tests.support.database import sql
from tests.support.factories import (
    lapse,
    order,
)
from tests.support.mailbox import Mailbox, body, make_due, paid, refuse
from tests.support.otherwise import otherwise
from tests.support.till import capture

HOUR = timedelta(hours=1)


class Killed(BaseException):
    """The worker's process ends here."""


def test_a_crash_between_sending_and_marking_sends_the_same_mail_again(
    process: Process, stores: Stores, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid(stores)

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(mail, "_mark", killed)
        with pytest.raises(Killed):
            mail.send_due(process, stores)
    assert len(mailbox.mails()) == 1
    # Until the lease ends another worker leaves it alone.
    mail.send_due(process, process.stores())
    assert len(mailbox.mails()) == 1
    make_due(stores)
    mail.send_due(process, process.stores())
    first, again = mailbox.mails()
    assert first["Message-ID"] == again["Message-ID"]
    assert body(first) == body(again)
    mail.send_due(process, process.stores())
    assert len(mailbox.mails()) == 2


def test_a_crash_before_sending_loses_nothing(process: Process, stores: Stores, mailbox: Mailbox) -> None:
    paid(stores)

    def killed(*_: object, **__: object) -> None:
        raise Killed

    mailer = process.mailer
    process.mailer = otherwise(mailer, send=killed)
    with pytest.raises(Killed):
        mail.send_due(process, stores)
    process.mailer = mailer
    make_due(stores)
    mail.send_due(process, stores)
    assert len(mailbox.mails()) == 1


def test_no_transaction_is_open_while_ses_is_asked(
    process: Process, stores: Stores, mailbox: Mailbox
) -> None:
    paid(stores)
    seen: list[int] = []

    def look(*_: object, **__: object) -> None:
        open_ = "state LIKE 'idle in transaction%' AND datname = current_database()"
        seen.append(len(stores.db.rows(text(f"SELECT 1 FROM pg_stat_activity WHERE {open_}"))))

    process.mailer = otherwise(process.mailer, send=look)
    mail.send_due(process, stores)
    assert seen == [0]


def test_several_workers_send_every_mail_once(process: Process, stores: Stores, mailbox: Mailbox) -> None:
    numbers = {stores.orders.summary(paid(stores)).number for _ in range(24)}

    def work() -> None:
        while mail.send_due(process, process.stores()):
            pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    subjects = mailbox.subjects()
    assert len(subjects) == 24
    assert {s.split()[2] for s in subjects} == numbers


def test_a_mail_that_cannot_be_written_keeps_no_other(
    process: Process, stores: Stores, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, good = paid(stores), paid(stores)
    template_for = news.template_for
    monkeypatch.setattr(
        news, "template_for", lambda t: "no_such_mail" if t.order.order_id == broken else template_for(t)
    )
    assert mail.send_due(process, stores) == 1
    assert stores.orders.summary(good).number in mailbox.only()["Subject"]
    (row,) = sql(
        stores, "SELECT mail_after > now() FROM order_events WHERE kind = 'paid' AND mailed_at IS NULL"
    )
    assert row == (True,)


@pytest.fixture
def black_hole(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A mail service that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SESV2", f"http://127.0.0.1:{server.getsockname()[1]}")
        yield


def test_ses_away_is_later_and_nothing_is_lost(
    process: Process, stores: Stores, monkeypatch: pytest.MonkeyPatch, mailbox: Mailbox
) -> None:
    for _ in range(3):
        paid(stores)
    away = Process(process.settings)
    with monkeypatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_SESV2", "http://127.0.0.1:9")
        with pytest.raises(StoreUnavailable) as error:
            mail.send_due(away, stores)
        assert error.value.store == "ses"
        # All of them wait a little: an outage is not asked about for each.
        assert mail.send_due(away, stores) == 0
    away.engines.dispose()
    make_due(stores)
    assert mail.send_due(process, stores) >= 3
    assert len(mailbox.mails()) == 3


def test_a_mail_service_that_hangs_holds_up_no_order(
    process: Process, stores: Stores, stripe: str, black_hole: None
) -> None:
    first = paid(stores)
    worker = Worker(process)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        wait_until(
            lambda: sql(stores, "SELECT 1 FROM order_events WHERE mail_after > now() AND kind = 'paid'"), 15
        )
        begun = time.monotonic()
        second = order(stores)
        lapsing = order(stores)
        lapse(stores, lapsing)
        capture(stores, second)
        wait_until(lambda: stores.orders.summary(second).status is OrderStatus.PREPARING, 15)
        wait_until(lambda: stores.orders.summary(lapsing).status is OrderStatus.EXPIRED, 15)
        assert time.monotonic() - begun < 2.5
        assert stores.orders.summary(first).status is OrderStatus.PREPARING
    finally:
        worker.stop()
        thread.join()


def test_old_news_is_given_up_while_ses_is_away(process: Process, stores: Stores) -> None:
    paid(stores)
    sql(stores, "UPDATE order_events SET at = at - interval '4 days' WHERE kind = 'paid'")
    assert mail.send_due(process, stores) == 1
    assert not sql(stores, "SELECT 1 FROM order_events WHERE kind = 'paid' AND mailed_at IS NULL")


def test_ses_refusing_a_mail_for_good_is_not_asked_again(
    process: Process, stores: Stores, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid(stores)
    asked = refuse(process, monkeypatch, "MessageRejected", "Address blacklisted")
    mail.send_due(process, stores)
    make_due(stores)
    mail.send_due(process, stores)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("TooManyRequestsException", "Maximum sending rate exceeded"),
        ("MessageRejected", "Email address is not verified. shop@example.com"),
        ("SendingPausedException", "paused"),
        ("MailFromDomainNotVerifiedException", ""),
    ],
)
def test_what_is_about_us_is_tried_again(
    process: Process,
    stores: Stores,
    mailbox: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    message: str,
) -> None:
    paid(stores)
    with monkeypatch.context() as patch:
        refuse(process, patch, code, message)
        with pytest.raises(StoreUnavailable):
            mail.send_due(process, stores)
    make_due(stores)
    mail.send_due(process, stores)
    assert len(mailbox.mails()) == 1
