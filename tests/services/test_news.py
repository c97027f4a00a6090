"""What mails tell of orders, parcels and accounts, each once; and what mail programs read in them."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest

from storefront.domain.accounts import WrongPassword
from storefront.domain.addresses import PostalAddress
from storefront.domain.orders import Actor, OrderStatus
from storefront.domain.parcels import ParcelLine, ParcelStatus
from storefront.domain.payments import RefundReason
from storefront.links import ResetLinks
from storefront.process import Process
from storefront.repositories.dynamodb.outbox import AccountMail, Outgoing, posted
from storefront.services import accounts, cancellation, carrier_events, carts, holds, mail, order_address
from storefront.services.payments import refunds
from storefront.stores import Stores
from storefront.wording.statuses import PARCELS
from tests.support.accounts import profile
from tests.support.database import sql
from tests.support.factories import ADDRESS, lapse, order, product
from tests.support.mailbox import Mailbox, body
from tests.support.till import capture
from tests.support.worker import event, pack, work

DAY = timedelta(days=1)
P = ParcelStatus


def send(process: Process, stores: Stores) -> None:
    """All that is due, whatever its time."""
    sql(stores, "UPDATE order_events SET mail_after = now() - interval '1 second' WHERE mailed_at IS NULL")
    while mail.send_due(process, stores):
        pass


def ended(stores: Stores, process: Process) -> UUID:
    order_id = order(stores, product(stores, name="Brass lamp", price=4210))
    lapse(stores, order_id)
    assert holds.expire_lapsed(stores, process.stripe) == 1
    return order_id


def structured(letter: EmailMessage) -> list[dict[str, Any]]:
    scripts = re.findall(r'<script type="application/ld\+json">(.*?)</script>', body(letter, "html"))
    return [json.loads(script) for script in scripts]


# --- orders


def test_a_hold_that_ended_is_told_once(process: Process, stores: Stores, mailbox: Mailbox) -> None:
    order_id = ended(stores, process)
    send(process, stores)
    send(process, stores)
    letter = mailbox.only()
    assert letter["Subject"] == f"The hold on your order {stores.orders.summary(order_id).number} has ended"
    assert letter["Auto-Submitted"] == "auto-generated"
    for kind in ("plain", "html"):
        assert "Brass lamp" in body(letter, kind)
        assert f"/orders/{order_id}?key=" in body(letter, kind)
        assert ADDRESS.line1 not in body(letter, kind), "anybody's address can be typed at the checkout"


def test_an_end_that_was_overtaken_is_not_told(process: Process, stores: Stores, mailbox: Mailbox) -> None:
    order_id = ended(stores, process)
    sql(stores, "UPDATE orders SET status = 'paid' WHERE order_id = :id", id=order_id)
    send(process, stores)
    assert mailbox.mails() == []
    sql(stores, "UPDATE orders SET status = 'expired' WHERE order_id = :id", id=order_id)


@pytest.mark.parametrize(
    ("by", "words"), [(Actor.SHOPPER, "You cancelled order"), (Actor.OPERATOR, "we're sorry")]
)
def test_a_cancelled_order_is_told_once_and_by_whom(
    process: Process, stores: Stores, mailbox: Mailbox, by: Actor, words: str
) -> None:
    order_id = order(stores)
    cancellation.cancel(stores, process.stripe, order_id, by=by)
    send(process, stores)
    letter = mailbox.only()
    assert letter["Subject"].endswith("is cancelled")
    assert words in body(letter)
    assert "Nothing was charged" in body(letter)


def test_a_new_address_is_told_once_and_the_last_of_several(
    process: Process, stores: Stores, mailbox: Mailbox
) -> None:
    order_id = order(stores)
    capture(stores, order_id)
    send(process, stores)
    mailbox.empty()
    for line in ("1 First Street", "2 Second <Street>"):
        order_address.correct(stores, order_id, PostalAddress(**{**ADDRESS.__dict__, "line1": line}))
    send(process, stores)
    send(process, stores)
    letter = mailbox.only()
    assert letter["Subject"].endswith("has a new address")
    assert "2 Second <Street>" in body(letter)
    assert "2 Second &lt;Street&gt;" in body(letter, "html")


def test_an_order_cancelled_in_part_says_what_is_cancelled_and_what_goes_on(
    process: Process, stores: Stores, mailbox: Mailbox
) -> None:
    lamp, mug = product(stores, name="Brass lamp"), product(stores, name="Mug", price=500)
    order_id = order(stores, lamp, mug)
    capture(stores, order_id)
    work(process)
    pack(stores, order_id, ParcelLine(lamp, 1), code="LEFT")
    carrier_events.record(stores, event("LEFT", ParcelStatus.IN_TRANSIT))
    send(process, stores)
    mailbox.empty()
    order_address.correct(stores, order_id, replace(ADDRESS, line1="1 High Street"))
    cancellation.cancel(stores, process.stripe, order_id, by=Actor.OPERATOR, rest=True)
    send(process, stores)
    send(process, stores)
    moved, part = sorted(mailbox.mails(), key=lambda letter: "cancelled" in letter["Subject"])
    assert part["Subject"] == f"Part of order {stores.orders.summary(order_id).number} is cancelled"
    for kind in ("plain", "html"):
        words = " ".join(body(part, kind).split())
        assert "We had to cancel what had not left yet, and we’re sorry. This is for 1 × Mug." in words
        assert "$5.00" in words
        assert "1 refunded" in words
        assert "−$5.00" in words
        assert "what had goes to the address before" in " ".join(body(moved, kind).split())


def test_what_a_mail_program_reads_of_an_order(process: Process, stores: Stores, mailbox: Mailbox) -> None:
    order_id = order(stores, product(stores, name="</script> & lamp", price=4205), qty=2)
    capture(stores, order_id)
    send(process, stores)
    (data,) = structured(mailbox.only())
    assert data["@type"] == "Order"
    assert data["orderNumber"] == stores.orders.summary(order_id).number
    assert data["orderStatus"] == "https://schema.org/OrderProcessing"
    assert (data["price"], data["priceCurrency"]) == ("84.10", "USD")
    (offer,) = data["acceptedOffer"]
    assert offer["itemOffered"]["name"] == "</script> & lamp"
    assert (offer["price"], offer["eligibleQuantity"]["value"]) == ("42.05", 2)
    assert data["url"] in body(mailbox.only())


# --- parcels


@pytest.fixture
def packing(process: Process, stores: Stores, mailbox: Mailbox) -> UUID:
    """A paid order of two lamps and a mug, being packed; its confirmation is read."""
    order_id = order(stores, product(stores, "LAMP", name="Brass lamp"), product(stores, "MUG"), qty=2)
    capture(stores, order_id)
    work(process)
    send(process, stores)
    mailbox.empty()
    return order_id


def report(stores: Stores, code: str, status: ParcelStatus, hours: float = 0, **more: object) -> None:
    at = datetime.now(UTC) + timedelta(hours=hours)
    carrier_events.record(stores, event(code, status, at, **more))  # type: ignore[arg-type]


def test_each_step_of_a_parcel_is_told_once(
    process: Process, stores: Stores, mailbox: Mailbox, packing: UUID
) -> None:
    number = stores.orders.summary(packing).number
    pack(stores, packing, carrier="UPS", code="1Z 99")
    send(process, stores)
    for hours, status in enumerate(
        (P.IN_TRANSIT, P.OUT_FOR_DELIVERY, P.EXCEPTION, P.AVAILABLE_FOR_PICKUP, P.DELIVERED, P.RETURNED), 1
    ):
        report(stores, "1Z99", status, hours, place="Corner Shop", message="So they say")
        report(stores, "1Z99", status, hours + 0.1)
        send(process, stores)
        send(process, stores)
    assert [one.removeprefix(f"Your order {number} ") for one in mailbox.subjects()] == [
        *(
            "is packed",
            "is on its way",
            "is out for delivery",
            "couldn’t be delivered",
            "is waiting for you",
            "was delivered",
            "is on its way back to us",
        )
    ]
    for letter in mailbox.mails():
        assert letter["Auto-Submitted"] == "auto-generated"
        for kind in ("plain", "html"):
            words = body(letter, kind)
            assert "1Z 99" in words
            assert "https://www.ups.com/track?tracknum=1Z99" in words
            assert f"/orders/{packing}?key=" in words
            assert "Brass lamp" in words
    _, _, _, failed, waiting, delivered, _ = mailbox.mails()
    assert "Corner Shop" in body(waiting)
    assert "/returns" in body(delivered)
    assert "UPS could not hand it over" in body(failed)


def test_a_lost_parcel_is_told(process: Process, stores: Stores, mailbox: Mailbox, packing: UUID) -> None:
    pack(stores, packing, code="L-1")
    report(stores, "L-1", P.LOST, 1)
    send(process, stores)
    letter = mailbox.only()
    assert letter["Subject"].endswith("got lost on the way")
    assert "Our team has been told" in " ".join(body(letter).split())
    assert stores.attention.open(), "what the mail says is true"


def test_parcels_of_one_order_are_told_apart(
    process: Process, stores: Stores, mailbox: Mailbox, packing: UUID
) -> None:
    number = stores.orders.summary(packing).number
    pack(stores, packing, ParcelLine("LAMP", 2), code="A-1")
    send(process, stores)
    pack(stores, packing, ParcelLine("MUG", 2), code="B-2")
    report(stores, "B-2", P.IN_TRANSIT, 1)
    send(process, stores)
    assert mailbox.subjects() == [
        f"Part of your order {number} is packed",
        f"Parcel 2 of 2 of your order {number} is packed",
        f"Parcel 2 of 2 of your order {number} is on its way",
    ]
    second = body(mailbox.mails()[2])
    assert "B-2" in second
    assert "Brass lamp" not in second


def test_a_late_order_is_told_once_with_both_days(
    process: Process, stores: Stores, mailbox: Mailbox, packing: UUID
) -> None:
    pack(stores, packing, code="D-1")
    send(process, stores)
    mailbox.empty()
    later = datetime.now(UTC).date() + timedelta(days=20)
    for hours in (1, 2):
        report(stores, "D-1", P.IN_TRANSIT, hours, estimated=later)
        send(process, stores)
    late, on_its_way = sorted(mailbox.mails(), key=lambda one: one["Subject"].endswith("way"))
    assert on_its_way["Subject"].endswith("is on its way")
    assert late["Subject"].endswith("is running late")
    assert re.search(r"Delayed: now .*, it was promised for ", " ".join(body(late).split()))


@pytest.mark.parametrize("last", [P.DELIVERED, P.RETURNED])
def test_news_that_is_overtaken_is_not_sent(
    process: Process, stores: Stores, mailbox: Mailbox, packing: UUID, last: ParcelStatus
) -> None:
    pack(stores, packing, code="F-1")
    report(stores, "F-1", P.IN_TRANSIT, 0.1)
    report(stores, "F-1", P.OUT_FOR_DELIVERY, 0.2)
    report(stores, "F-1", last, 0.3)
    send(process, stores)
    assert [PARCELS[last].happened in one for one in mailbox.subjects()] == [True]


def test_steps_that_follow_fast_are_all_told_in_their_order(
    process: Process, stores: Stores, mailbox: Mailbox, packing: UUID
) -> None:
    pack(stores, packing, code="Q-1")
    for seconds, status in enumerate((P.IN_TRANSIT, P.OUT_FOR_DELIVERY, P.DELIVERED), 1):
        report(stores, "Q-1", status, seconds / 3600)
    send(process, stores)
    assert [one.partition(" is ")[2] or one[-13:] for one in mailbox.subjects()] == [
        "packed",
        "on its way",
        "out for delivery",
        "was delivered",
    ]


def test_a_step_told_late_is_no_news(
    process: Process, stores: Stores, mailbox: Mailbox, packing: UUID
) -> None:
    pack(stores, packing, code="T-1")
    report(stores, "T-1", P.OUT_FOR_DELIVERY, 9)
    send(process, stores)
    mailbox.empty()
    report(stores, "T-1", P.IN_TRANSIT, 1)
    send(process, stores)
    assert mailbox.mails() == []


def test_nothing_is_told_of_a_parcel_whose_money_went_back(
    process: Process, stores: Stores, mailbox: Mailbox, packing: UUID
) -> None:
    pack(stores, packing, code="R-1")
    report(stores, "R-1", P.IN_TRANSIT, 1)
    refunds.refund(stores, packing, restock=False, reason=RefundReason.OPERATOR)
    send(process, stores)
    assert mailbox.only()["Subject"].endswith("is going back")


def test_what_a_mail_program_reads_of_a_parcel(
    process: Process, stores: Stores, mailbox: Mailbox, packing: UUID
) -> None:
    day = datetime.now(UTC).date() + timedelta(days=2)
    pack(stores, packing, ParcelLine("LAMP", 2), carrier="DHL </script>", code="JD 1", estimated=day)
    send(process, stores)
    whole, parcel = structured(mailbox.only())
    assert whole["@type"] == "Order"
    assert parcel["@type"] == "ParcelDelivery"
    assert parcel["trackingNumber"] == "JD 1"
    assert parcel["carrier"]["name"] == "DHL </script>"
    assert parcel["expectedArrivalUntil"].startswith(f"{day.isoformat()}T23:59:59")
    assert parcel["deliveryAddress"]["streetAddress"] == ADDRESS.line1
    assert [one["sku"] for one in parcel["itemShipped"]] == ["LAMP"]
    assert parcel["partOfOrder"]["orderNumber"] == whole["orderNumber"]


# --- accounts


@pytest.fixture
def outbox(stores: Stores, process: Process) -> Stores:
    while stores.outbox.claim(100, DAY):
        pass
    return stores


def test_a_new_password_is_told_to_whoever_has_the_address(
    process: Process, outbox: Stores, mailbox: Mailbox
) -> None:
    customer = accounts.register(outbox, profile().user_id, "Ada", profile().email, "correct horse 1")
    accounts.change_password(outbox, customer, "correct horse 1", "battery staple 2")
    assert mail.send_outbox(process, outbox) == 1
    assert mail.send_outbox(process, outbox) == 0
    letter = mailbox.only()
    assert letter["To"].addresses[0].addr_spec == customer.email
    assert letter["Subject"] == "Your password at Larkfield was changed"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert "http://127.0.0.1/forgotten-password" in body(letter)
    assert "battery staple" not in letter.as_string()


def test_a_password_chosen_by_a_link_is_told_as_well(
    process: Process, outbox: Stores, mailbox: Mailbox
) -> None:
    customer = accounts.register(outbox, profile().user_id, "Ada", profile().email, "correct horse 1")
    links = ResetLinks(process.settings)
    accounts.forgot(outbox, links, customer.email)
    (waiting,) = outbox.outbox.claim(10, DAY)
    accounts.reset_password(outbox, links.token(waiting.data["nonce"]), "battery staple 2")
    assert mail.send_outbox(process, outbox) == 1
    assert mailbox.only()["Subject"].endswith("was changed")


def test_a_refused_change_tells_nobody(process: Process, outbox: Stores, mailbox: Mailbox) -> None:
    customer = accounts.register(outbox, profile().user_id, "Ada", profile().email, "correct horse 1")
    with pytest.raises(WrongPassword):
        accounts.change_password(outbox, customer, "wrong", "battery staple 2")
    assert mail.send_outbox(process, outbox) == 0


def test_the_old_address_learns_of_a_new_one_without_learning_it_whole(
    process: Process, outbox: Stores, mailbox: Mailbox
) -> None:
    told = {"name": "Ada", "at": "2026-11-26T02:00:00+00:00", "new": "lovelace@example.org"}
    outbox.outbox.put(AccountMail.EMAIL_CHANGED, "ada@example.com", told, lifetime=DAY)
    assert mail.send_outbox(process, outbox) == 1
    letter = mailbox.only()
    assert "l…@example.org" in body(letter)
    assert "lovelace" not in body(letter) + body(letter, "html")
    assert "26 Nov 2026, 02:00 UTC" in body(letter)


def test_a_mail_of_a_later_version_is_left_to_it(process: Process, outbox: Stores) -> None:
    class Later(str):
        """A kind that this version does not know."""

    outbox.outbox._table.write(
        posted(Outgoing(Later("birthday"), "ada@example.com", {}, timedelta(minutes=1)))  # type: ignore[arg-type]
    )
    assert outbox.outbox.claim(10, DAY) == []


def test_an_order_put_back_in_the_cart_is_told_as_cancelled_all_the_same(
    process: Process, stores: Stores, mailbox: Mailbox
) -> None:
    order_id = order(stores)
    who = stores.orders.summary(order_id).user_id
    cancellation.cancel(stores, process.stripe, order_id, by=Actor.SHOPPER)
    carts.put_back(stores, who, order_id)
    assert stores.orders.summary(order_id).status is OrderStatus.CANCELLED
    send(process, stores)
    assert mailbox.only()["Subject"].endswith("is cancelled")
