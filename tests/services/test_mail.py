"""What shoppers are told by mail, read back from the stand-in of SES."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from html import unescape
from uuid import UUID, uuid4

import pytest
from factories import (
    back,
    lapse,
    order,
    pay_page,
    placement,
    product,
    shopper,
)
from flask.testing import FlaskClient
from letterbox import Mailbox, body
from sqlalchemy import text
from working import quiet_worker

from storefront.domain.customers import PostalAddress
from storefront.domain.deliveries import CarrierEvent, ShipmentStatus
from storefront.domain.errors import StoreUnavailable
from storefront.domain.ids import OrderNumber, tracking_code
from storefront.domain.orders import Kind, OrderStatus
from storefront.links import ResetLinks
from storefront.payments.provider import Attempt, AttemptState
from storefront.process import Process
from storefront.repositories.dynamodb.outbox import AccountMail
from storefront.services import cancellation, carts, mail, payments, tracking
from storefront.services.checkout import place
from storefront.services.worker import Worker
from storefront.stores import Stores

HOUR = timedelta(hours=1)


def captured(stores: Stores, order_id: UUID, *, ref: str = "", cents: int | None = None) -> Attempt:
    """What Stripe would tell of an order's payment that went through."""
    total = stores.orders.head(order_id).total_cents
    return Attempt(
        ref=ref or f"cs_{order_id.hex}",
        state=AttemptState.CAPTURED,
        captured_cents=total if cents is None else cents,
        currency="USD",
        intent=f"pi_{ref or order_id.hex}",
    )


def pay(stores: Stores, order_id: UUID) -> OrderStatus:
    attempt = captured(stores, order_id)
    assert payments.keep_ref(stores, order_id, 1, attempt.ref)
    return payments.apply(stores, order_id, attempt, "USD")


def paid(stores: Stores, *skus: str) -> UUID:
    order_id = order(stores, *skus)
    pay(stores, order_id)
    return order_id


def carrier(
    stores: Stores, order_id: UUID, status: ShipmentStatus, *, minutes: int = 0, place: str = ""
) -> None:
    number = OrderNumber(stores.orders.head(order_id).number)
    at = datetime.now(UTC) + timedelta(minutes=minutes)
    tracking.record(stores, CarrierEvent(uuid4().hex, tracking_code(number), status, at, place, ""))


def ship(process: Process, stores: Stores, order_id: UUID) -> None:
    quiet_worker(process).round()
    assert stores.orders.head(order_id).status is OrderStatus.PREPARING


def sql(stores: Stores, statement: str, **values: object) -> list[tuple[object, ...]]:
    with stores.transaction():
        result = stores.db.session.execute(text(statement), values)
        return [tuple(row) for row in result] if result.returns_rows else []


def due(stores: Stores) -> int:
    """Events that nothing was sent or decided for yet."""
    (row,) = sql(stores, "SELECT count(*) FROM order_events WHERE mailed_at IS NULL")
    return int(str(row[0]))


def make_due(stores: Stores) -> None:
    """Let all leases, reminders and pauses be over."""
    sql(stores, "UPDATE order_events SET mail_after = now() - interval '1 second' WHERE mailed_at IS NULL")


def links(mail: EmailMessage) -> set[str]:
    return {unescape(a) for a in re.findall(r'href="([^"]+)"', body(mail, "html"))}


# --- which mails


def test_a_paid_order_is_confirmed_with_all_it_holds(
    process: Process, stores: Stores, mailbox: Mailbox
) -> None:
    lamp = product(stores, name="Brass <lamp> & shade", price=4210)
    mug = product(stores, name="Stoneware mug", price=1200)
    order_id = paid(stores, lamp, mug)
    number = stores.orders.head(order_id).number

    mail.send_due(process, stores)

    letter = mailbox.only()
    assert letter["Subject"] == f"Your order {number} is confirmed"
    assert letter["To"].addresses[0].addr_spec == "ada@example.com"
    assert letter["From"].addresses[0].addr_spec == "shop@example.com"
    words = body(letter)
    for expected in (
        number,
        "Brass <lamp> & shade",
        "$42.10",
        "Stoneware mug",
        "$54.10",
        "12 Mill Lane",
        "97201",
    ):
        assert expected in words
    page = body(letter, "html")
    assert "Brass &lt;lamp&gt; &amp; shade" in page
    assert "<lamp>" not in page
    assert "$54.10" in page


def test_the_link_of_a_mail_shows_the_order_to_a_stranger_and_lets_nothing_be_changed(
    process: Process, stores: Stores, mailbox: Mailbox, client: FlaskClient
) -> None:
    order_id = paid(stores)
    mail.send_due(process, stores)
    (link,) = (a for a in links(mailbox.only()) if "?key=" in a)
    assert link in body(mailbox.only())
    assert link.startswith(f"http://127.0.0.1/orders/{order_id}?key=")

    assert client.get(f"/orders/{order_id}").status_code == 404
    assert client.get(link.removeprefix("http://127.0.0.1")).status_code == 303
    assert client.get(f"/orders/{order_id}").status_code == 200
    assert client.post(f"/orders/{order_id}/cancellation").status_code == 404
    other = paid(stores)
    key = link.partition("?key=")[2]
    assert client.get(f"/orders/{other}?key={key}").status_code == 404


def test_nothing_is_sent_twice(process: Process, stores: Stores, mailbox: Mailbox) -> None:
    paid(stores)
    for _ in range(3):
        mail.send_due(process, stores)
    assert len(mailbox.mails()) == 1


def test_an_order_paid_in_time_gets_no_reminder(process: Process, stores: Stores, mailbox: Mailbox) -> None:
    order_id = order(stores)
    mail.send_due(process, stores)
    assert mailbox.mails() == []
    pay(stores, order_id)
    make_due(stores)
    mail.send_due(process, stores)
    assert [s.endswith("is confirmed") for s in mailbox.subjects()] == [True]
    assert due(stores) == 0


def test_an_order_that_stays_unpaid_is_reminded_of_once_while_it_is_held(
    process: Process, stores: Stores, mailbox: Mailbox
) -> None:
    order_id = order(stores)
    (row,) = sql(
        stores,
        "SELECT e.mail_after - o.created_at FROM order_events e JOIN orders o USING (order_id)"
        " WHERE kind = 'placed'",
    )
    assert row[0] == timedelta(minutes=5)
    make_due(stores)
    mail.send_due(process, stores)
    mail.send_due(process, stores)
    letter = mailbox.only()
    assert " is held until " in letter["Subject"]
    assert "nothing is charged" in body(letter)
    # Its text is open to anybody who knows an address: no words of the one who ordered.
    assert "12 Mill Lane" not in body(letter)
    assert due(stores) == 0
    assert stores.orders.head(order_id).status is OrderStatus.PENDING


def test_a_short_hold_is_reminded_of_after_its_third(stores: Stores) -> None:
    order(stores, hold=timedelta(minutes=3))
    (row,) = sql(stores, "SELECT mail_after - at < interval '61 s', mail_after > at FROM order_events")
    assert row == (True, True)


def test_a_hold_that_ended_gets_no_reminder(process: Process, stores: Stores, mailbox: Mailbox) -> None:
    lapse(stores, order(stores))
    make_due(stores)
    mail.send_due(process, stores)
    assert mailbox.mails() == []
    assert due(stores) == 0


def _expire(stores: Stores, order_id: UUID) -> Attempt:
    attempt = captured(stores, order_id)
    assert payments.keep_ref(stores, order_id, 1, attempt.ref)
    lapse(stores, order_id)
    from storefront.services.expiry import _release

    assert _release(stores, [order_id]) == [order_id]
    return attempt


def test_paid_late_with_stock_left_is_told_as_such(
    process: Process, stores: Stores, mailbox: Mailbox
) -> None:
    order_id = order(stores)
    attempt = _expire(stores, order_id)
    assert payments.apply(stores, order_id, attempt, "USD") is OrderStatus.PAID
    make_due(stores)
    mail.send_due(process, stores)
    letter = mailbox.only()
    assert letter["Subject"].endswith("goes ahead")
    assert "after its hold had ended" in body(letter)


def test_paid_late_and_sold_out_tells_that_the_money_goes_back(
    process: Process, stores: Stores, mailbox: Mailbox
) -> None:
    sku = product(stores, quantity=1, price=4210)
    order_id = order(stores, sku)
    attempt = _expire(stores, order_id)
    order(stores, sku)
    assert payments.apply(stores, order_id, attempt, "USD") is OrderStatus.REFUNDED
    mail.send_due(process, stores)
    letter = mailbox.only()
    assert letter["Subject"].endswith("is going back")
    assert "$42.10 goes back" in body(letter)
    assert "hold had ended" in body(letter)


def test_a_wrong_currency_is_not_told_in_ours(process: Process, stores: Stores, mailbox: Mailbox) -> None:
    order_id = order(stores)
    attempt = captured(stores, order_id)
    assert payments.keep_ref(stores, order_id, 1, attempt.ref)
    euros = Attempt(attempt.ref, AttemptState.CAPTURED, 99999, "EUR", attempt.intent)
    payments.apply(stores, order_id, euros, "USD")
    mail.send_due(process, stores)
    assert "999.99" not in body(mailbox.only())
    assert "All of it goes back" in body(mailbox.only())


def test_an_order_cancelled_at_once_is_told_of_once(
    process: Process, stores: Stores, mailbox: Mailbox
) -> None:
    order_id = paid(stores)
    cancellation.cancel(stores, process.stripe, order_id, "USD", by="shopper")
    mail.send_due(process, stores)
    letter = mailbox.only()
    assert letter["Subject"].endswith("is going back")
    assert "You cancelled this order" in body(letter)
    assert due(stores) == 1, "the reminder, whose time has not come"


def test_a_free_order_is_not_told_of_money(process: Process, stores: Stores, mailbox: Mailbox) -> None:
    order_id = order(stores, product(stores, price=0))
    mail.send_due(process, stores)
    assert "paid" not in body(mailbox.only()).lower()
    mailbox.empty()
    cancellation.cancel(stores, process.stripe, order_id, "USD", by="shopper")
    mail.send_due(process, stores)
    assert mailbox.only()["Subject"].endswith("is cancelled")
    assert "card" not in body(mailbox.only())


def test_a_second_payment_is_told_of(process: Process, stores: Stores, mailbox: Mailbox) -> None:
    order_id = paid(stores)
    payments.apply(stores, order_id, captured(stores, order_id, ref="cs_second"), "USD")
    mail.send_due(process, stores)
    assert [s.partition(" ")[0] for s in mailbox.subjects()] == ["Your", "A"]
    assert "was paid twice" in body(mailbox.mails()[1])


def test_of_a_parcels_steps_the_first_in_transit_and_delivered_are_told(
    process: Process, stores: Stores, mailbox: Mailbox
) -> None:
    order_id = paid(stores)
    ship(process, stores, order_id)
    for number, status in enumerate(
        [
            ShipmentStatus.IN_TRANSIT,
            ShipmentStatus.IN_TRANSIT,
            ShipmentStatus.OUT_FOR_DELIVERY,
        ]
    ):
        carrier(stores, order_id, status, minutes=number)
    mail.send_due(process, stores)
    # Reported late: it happened before the one that was told of already.
    carrier(stores, order_id, ShipmentStatus.IN_TRANSIT, minutes=-90)
    mail.send_due(process, stores)
    carrier(stores, order_id, ShipmentStatus.DELIVERED, minutes=9, place="Front porch")
    carrier(stores, order_id, ShipmentStatus.DELIVERED, minutes=10)
    carrier(stores, order_id, ShipmentStatus.RETURNED, minutes=11)
    mail.send_due(process, stores)
    head = stores.orders.head(order_id)
    assert mailbox.subjects() == [
        f"Your order {head.number} is confirmed",
        f"Your order {head.number} is on its way",
        f"Your order {head.number} was delivered",
    ]
    shipped, delivered = mailbox.mails()[1:]
    assert tracking_code(OrderNumber(head.number)) in body(shipped)
    assert tracking_code(OrderNumber(head.number)) in body(shipped, "html")
    assert "Front porch" in body(delivered)


def test_news_that_is_overtaken_is_not_sent(process: Process, stores: Stores, mailbox: Mailbox) -> None:
    order_id = paid(stores)
    ship(process, stores, order_id)
    mail.send_due(process, stores)
    mailbox.empty()
    carrier(stores, order_id, ShipmentStatus.IN_TRANSIT)
    carrier(stores, order_id, ShipmentStatus.DELIVERED, minutes=1)
    mail.send_due(process, stores)
    assert [s.endswith("was delivered") for s in mailbox.subjects()] == [True]


# --- what shoppers type


@pytest.mark.parametrize(
    "evil", ["Ada\r\nBcc: eve@example.org", "Ada\nSubject: Won!", "Ada\x00\u2028Cc: eve@example.org"]
)
def test_a_name_adds_no_header(process: Process, stores: Stores, mailbox: Mailbox, evil: str) -> None:
    who = shopper()
    carts.add(stores, who, product(stores), 1)
    confirmed = placement(stores, who)
    order_id = place(stores, confirmed, HOUR)
    address = PostalAddress(**{**confirmed.address.__dict__, "name": evil.replace("\x00", "")})
    with stores.transaction():
        stores.orders.lock(order_id)[0].address = address
    pay(stores, order_id)
    mail.send_due(process, stores)
    letter = mailbox.only()
    assert letter["Bcc"] is None
    assert letter["Cc"] is None
    assert letter.get_all("Subject") == [f"Your order {stores.orders.head(order_id).number} is confirmed"]
    assert [a.addr_spec for a in letter["To"].addresses] == ["ada@example.com"]


@pytest.mark.parametrize(
    "evil", ["ada@example.com\r\nBcc: eve@example.org", "ada@example.com, eve@example.org", "ü@x.de"]
)
def test_an_address_that_is_none_is_given_up_and_holds_up_nobody(
    process: Process, stores: Stores, mailbox: Mailbox, evil: str
) -> None:
    first = paid(stores)
    sql(stores, "UPDATE orders SET email = :evil WHERE order_id = :id", evil=evil, id=first)
    second = paid(stores)
    mail.send_due(process, stores)
    assert stores.orders.head(second).number in mailbox.only()["Subject"]
    assert not sql(stores, "SELECT 1 FROM order_events WHERE kind = 'paid' AND mailed_at IS NULL")


# --- at least once, and nothing waits for it


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


def test_a_crash_before_sending_loses_nothing(
    process: Process, stores: Stores, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid(stores)

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(process.mailer, "send", killed)
        with pytest.raises(Killed):
            mail.send_due(process, stores)
    make_due(stores)
    mail.send_due(process, stores)
    assert len(mailbox.mails()) == 1


def test_no_transaction_is_open_while_ses_is_asked(
    process: Process, stores: Stores, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    paid(stores)
    seen: list[int] = []

    def look(*_: object, **__: object) -> None:
        open_ = "state LIKE 'idle in transaction%' AND datname = current_database()"
        seen.append(len(stores.db.rows(text(f"SELECT 1 FROM pg_stat_activity WHERE {open_}"))))

    monkeypatch.setattr(process.mailer, "send", look)
    mail.send_due(process, stores)
    assert seen == [0]


def test_several_workers_send_every_mail_once(process: Process, stores: Stores, mailbox: Mailbox) -> None:
    numbers = {stores.orders.head(paid(stores)).number for _ in range(24)}

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
    template_for = mail.template_for
    monkeypatch.setattr(
        mail, "template_for", lambda o, e: "no_such_mail" if o.order_id == broken else template_for(o, e)
    )
    assert mail.send_due(process, stores) == 1
    assert stores.orders.head(good).number in mailbox.only()["Subject"]
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
        wait_for(lambda: sql(stores, "SELECT 1 FROM order_events WHERE mail_after > now() AND kind = 'paid'"))
        begun = time.monotonic()
        second = order(stores)
        lapsing = order(stores)
        lapse(stores, lapsing)
        pay(stores, second)
        wait_for(lambda: stores.orders.head(second).status is OrderStatus.PREPARING)
        wait_for(lambda: stores.orders.head(lapsing).status is OrderStatus.EXPIRED)
        assert time.monotonic() - begun < 2.5
        assert stores.orders.head(first).status is OrderStatus.PREPARING
    finally:
        worker.stop()
        thread.join()


def wait_for(true: object, bound: float = 15) -> None:
    end = time.monotonic() + bound
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


def test_old_news_is_given_up_while_ses_is_away(
    process: Process, stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def refuse(process: Process, patch: pytest.MonkeyPatch, code: str, message: str) -> list[object]:
    """Let SES answer with an error; the requests that it got."""
    from botocore.exceptions import ClientError

    asked: list[object] = []

    def answer(**request: object) -> None:
        asked.append(request)
        raise ClientError({"Error": {"Code": code, "Message": message}}, "SendEmail")

    patch.setattr(process.mailer._ses._ses, "send_email", answer)
    return asked


# --- the outbox


@pytest.fixture
def outbox(stores: Stores, dynamodb_endpoint: str) -> Stores:
    for item in _items(stores):
        stores.outbox.done(item)
    return stores


LINK = "http://127.0.0.1/password/reset?token=abc123"
NONCE = {"name": "Ada", "nonce": "n0nce"}


def test_a_password_reset_waits_in_the_outbox_and_is_sent_once(
    process: Process, outbox: Stores, mailbox: Mailbox
) -> None:
    outbox.outbox.put(AccountMail.PASSWORD_RESET, "ada@example.com", NONCE, lifetime=HOUR)
    outbox.outbox.put(AccountMail.NOTHING, "nobody@example.com", {}, lifetime=HOUR)
    assert mail.send_outbox(process, outbox) == 2
    assert mail.send_outbox(process, outbox) == 0
    letter = mailbox.only()
    assert letter["To"].addresses[0].addr_spec == "ada@example.com"
    assert letter["Subject"] == "Choose a new password for Larkfield"
    link = ResetLinks(process.settings).address("n0nce")
    assert link.startswith("http://127.0.0.1/")
    assert link in body(letter)
    assert link in links(letter)
    assert "Hello Ada" in body(letter)


def test_an_advertisement_for_a_name_does_not_reach_anybody(process: Process, mailbox: Mailbox) -> None:
    mail.send_password_reset(process.mailer, "victim@example.com", "Win at https://evil.example", LINK)
    assert "evil" not in mailbox.only().as_string()


def test_a_reset_that_came_too_late_is_not_sent(process: Process, outbox: Stores, mailbox: Mailbox) -> None:
    outbox.outbox.put(AccountMail.PASSWORD_RESET, "a@example.com", NONCE, lifetime=timedelta(seconds=-1))
    assert mail.send_outbox(process, outbox) == 0
    assert mailbox.mails() == []


def test_two_workers_take_a_waiting_mail_once_and_a_dead_ones_is_taken_again(outbox: Stores) -> None:
    outbox.outbox.put(AccountMail.PASSWORD_RESET, "a@example.com", NONCE, lifetime=HOUR)
    assert len(outbox.outbox.claim(10, HOUR)) == 1
    assert outbox.outbox.claim(10, HOUR) == []
    (item,) = _items(outbox)
    outbox.outbox.later(item, timedelta(seconds=-1))
    assert len(outbox.outbox.claim(10, HOUR)) == 1


def _items(stores: Stores) -> list[str]:
    answer = stores._dynamodb.client.query(
        TableName=stores._dynamodb.users,
        KeyConditionExpression="user_id = :p",
        ExpressionAttributeValues={":p": {"S": "outbox"}},
    )
    return [i["item"]["S"] for i in answer["Items"]]


def test_an_outbox_mail_survives_ses_away(
    process: Process, outbox: Stores, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox.outbox.put(AccountMail.PASSWORD_RESET, "a@example.com", NONCE, lifetime=HOUR)
    with monkeypatch.context() as patch:
        refuse(process, patch, "TooManyRequestsException", "")
        with pytest.raises(StoreUnavailable):
            mail.send_outbox(process, outbox)
    assert mail.send_outbox(process, outbox) == 0
    (item,) = _items(outbox)
    outbox.outbox.later(item, timedelta(seconds=-1))
    assert mail.send_outbox(process, outbox) == 1
    assert len(mailbox.mails()) == 1


def test_the_worker_sends_both_kinds(process: Process, outbox: Stores, mailbox: Mailbox, stripe: str) -> None:
    order_id = order(outbox)
    pay_page(payments.start(outbox, process.stripe, order_id, back, "USD"))
    assert payments.settle(outbox, process.stripe, order_id, "USD") is OrderStatus.PAID
    outbox.outbox.put(AccountMail.PASSWORD_RESET, "a@example.com", NONCE, lifetime=HOUR)
    Worker(process).round()
    assert len(mailbox.mails()) == 2
    assert outbox.events.happened(order_id, Kind.PREPARING)
