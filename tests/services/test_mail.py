"""What shoppers are told by mail, read back from the stand-in of SES."""

from __future__ import annotations

import re
from datetime import timedelta
from email.message import EmailMessage
from html import unescape
from uuid import UUID

import pytest
from flask.testing import FlaskClient

from storefront.domain.addresses import PostalAddress
from storefront.domain.errors import StoreUnavailable
from storefront.domain.orders import Actor, EventKind, OrderStatus
from storefront.domain.payments import RefundReason
from storefront.links import ChangeLinks, ResetLinks
from storefront.payments.provider import Attempt, AttemptState
from storefront.process import Process
from storefront.repositories.dynamodb.outbox import AccountMail
from storefront.services import cancellation, carts, holds, mail, order_links, strangers_mails
from storefront.services.checkout import place
from storefront.services.payments import attempts, refunds, settlement
from storefront.services.worker import Worker
from storefront.stores import Stores
from tests.support.database import sql
from tests.support.factories import (
    lapse,
    order,
    pay_page,
    placement,
    product,
    shopper,
)
from tests.support.mailbox import Mailbox, body, due, make_due, paid, refuse
from tests.support.till import capture, captured, open_page, settle, unasked

HOUR = timedelta(hours=1)


def links(mail: EmailMessage) -> set[str]:
    return {unescape(a) for a in re.findall(r'href="([^"]+)"', body(mail, "html"))}


# --- which mails


def test_a_paid_order_is_confirmed_with_all_it_holds(
    process: Process, stores: Stores, mailbox: Mailbox
) -> None:
    lamp = product(stores, name="Brass <lamp> & shade", price=4210)
    mug = product(stores, name="Stoneware mug", price=1200)
    order_id = paid(stores, lamp, mug)
    number = stores.orders.summary(order_id).number

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


def test_a_refund_in_part_is_told_once_with_its_units_and_its_amount(
    process: Process, stores: Stores, mailbox: Mailbox
) -> None:
    lamp = product(stores, name="Lamp <b>", price=4210)
    order_id = paid(stores, lamp, product(stores))
    mail.send_due(process, stores)
    refunds.refund(stores, order_id, restock=False, reason=RefundReason.OPERATOR, units={lamp: 1})
    for _ in range(2):
        mail.send_due(process, stores)
    _, told = sorted(mailbox.mails(), key=lambda one: "going back" in one["Subject"])
    assert "is going back" in told["Subject"]
    assert "This is for 1 × Lamp <b>." in body(told)
    assert "$42.10 goes back to the card" in body(told)
    assert "1 × Lamp &lt;b&gt;" in body(told, "html")


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
    assert client.post(f"/orders/{order_id}/cancellation").status_code == 403
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
    capture(stores, order_id)
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
    assert stores.orders.summary(order_id).status is OrderStatus.PENDING


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
    assert attempts.store_reference(stores, order_id, 1, attempt.ref)
    lapse(stores, order_id)
    assert holds._expire(stores, [order_id]) == 1
    return attempt


def test_paid_late_with_stock_left_is_told_as_such(
    process: Process, stores: Stores, mailbox: Mailbox
) -> None:
    order_id = order(stores)
    attempt = _expire(stores, order_id)
    assert settlement.apply(stores, unasked(), order_id, attempt) is OrderStatus.PAID
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
    assert settlement.apply(stores, unasked(), order_id, attempt) is OrderStatus.REFUNDED
    mail.send_due(process, stores)
    letter = mailbox.only()
    assert letter["Subject"].endswith("is going back")
    assert "$42.10 goes back" in body(letter)
    assert "hold had ended" in body(letter)


def test_a_wrong_currency_is_not_told_in_ours(process: Process, stores: Stores, mailbox: Mailbox) -> None:
    order_id = order(stores)
    attempt = captured(stores, order_id)
    assert attempts.store_reference(stores, order_id, 1, attempt.ref)
    euros = Attempt(attempt.ref, AttemptState.CAPTURED, 99999, "EUR", attempt.intent)
    settlement.apply(stores, unasked(), order_id, euros)
    mail.send_due(process, stores)
    assert "999.99" not in body(mailbox.only())
    assert "All of it goes back" in body(mailbox.only())


def test_an_order_cancelled_at_once_is_told_of_once(
    process: Process, stores: Stores, mailbox: Mailbox
) -> None:
    order_id = paid(stores)
    cancellation.cancel(stores, process.stripe, order_id, by=Actor.SHOPPER)
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
    cancellation.cancel(stores, process.stripe, order_id, by=Actor.SHOPPER)
    mail.send_due(process, stores)
    assert mailbox.only()["Subject"].endswith("is cancelled")
    assert "card" not in body(mailbox.only())


def test_a_second_payment_is_told_of(process: Process, stores: Stores, mailbox: Mailbox) -> None:
    order_id = paid(stores)
    settlement.apply(stores, unasked(), order_id, captured(stores, order_id, ref="cs_second"))
    mail.send_due(process, stores)
    told = {str(letter["Subject"]).partition(" ")[0]: body(letter) for letter in mailbox.mails()}
    assert set(told) == {"Your", "A"}
    assert "was paid twice" in told["A"]


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
    capture(stores, order_id)
    mail.send_due(process, stores)
    letter = mailbox.only()
    assert letter["Bcc"] is None
    assert letter["Cc"] is None
    assert letter.get_all("Subject") == [f"Your order {stores.orders.summary(order_id).number} is confirmed"]
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
    assert stores.orders.summary(second).number in mailbox.only()["Subject"]
    assert not sql(stores, "SELECT 1 FROM order_events WHERE kind = 'paid' AND mailed_at IS NULL")


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
    answer = stores.dynamodb.client.query(
        TableName=stores.dynamodb.users,
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
    pay_page(open_page(process, order_id))
    assert settle(process, order_id) is OrderStatus.PAID
    outbox.outbox.put(AccountMail.PASSWORD_RESET, "a@example.com", NONCE, lifetime=HOUR)
    Worker(process).round()
    assert len(mailbox.mails()) == 2
    assert outbox.events.happened(order_id, EventKind.PREPARING)


# --- mails that strangers can cause


def test_an_address_gets_ten_an_hour_of_what_strangers_can_cause(
    process: Process, stores: Stores, mailbox: Mailbox
) -> None:
    sku = product(stores, quantity=100)
    for number in range(13):
        one = order(stores, sku)
        # Somebody's address, spelled as one likes.
        sql(stores, "UPDATE orders SET email = :e WHERE order_id = :o", e=f"{'aA'[number % 2]}da@x.co", o=one)
    make_due(stores)
    while mail.send_due(process, stores):
        pass
    assert len(mailbox.mails()) == 10
    assert due(stores) == 0, "what is withheld is done with"


def test_mails_about_a_paid_order_are_never_withheld(
    process: Process, stores: Stores, mailbox: Mailbox
) -> None:
    for number in range(10):
        assert strangers_mails.may_go(process.settings, stores, "ada@example.com", str(number))
    assert not strangers_mails.may_go(process.settings, stores, "ada@example.com", "one more")
    assert strangers_mails.may_go(process.settings, stores, "ada@example.com", "3"), "a mail tried again"
    order_id = paid(stores)
    held = order(stores)
    make_due(stores)
    while mail.send_due(process, stores):
        pass
    assert [one["Subject"] for one in mailbox.mails()] == [
        f"Your order {stores.orders.summary(order_id).number} is confirmed"
    ]
    assert stores.orders.summary(held).held


def test_an_hour_later_mails_go_again(process: Process, stores: Stores) -> None:
    for number in range(10):
        strangers_mails.may_go(process.settings, stores, "ada@example.com", str(number))
    sql(stores, "UPDATE strangers_mails SET at = at - interval '61 minutes'")
    assert strangers_mails.may_go(process.settings, stores, "ada@example.com", "one more")
    assert "ada" not in str(sql(stores, "SELECT * FROM strangers_mails"))


def test_the_link_of_a_mail_that_came_too_late_is_not_sent(
    process: Process, stores: Stores, mailbox: Mailbox
) -> None:
    order_id = order(stores)
    order_links.ask(stores, ChangeLinks(process.settings), order_id)
    sql(stores, "UPDATE order_events SET at = at - interval '31 minutes' WHERE kind = 'link_asked'")
    mail.send_due(process, stores)
    assert mailbox.mails() == []
