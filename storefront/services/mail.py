"""Mails: which of them an event of an order calls for, and sending what is due.

At least once: an event is claimed and committed, its mail handed to SES outside of any transaction, and only
then marked. A worker that dies in between leaves it to the end of its lease. Nothing else waits for mail:
the queue has its own column, so no order is ever claimed for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any

import structlog

from storefront.config import Settings
from storefront.domain.deliveries import ShipmentStatus
from storefront.domain.errors import StoreUnavailable
from storefront.domain.orders import SOLD, Event, Kind, OrderStatus, OrderView
from storefront.links import OrderLinks, ResetLinks
from storefront.mail.mailer import Mailer
from storefront.mail.message import MailRefused, Recipient
from storefront.process import Process
from storefront.repositories.aurora.order_events import DueMail
from storefront.repositories.dynamodb.outbox import AccountMail, Waiting
from storefront.services.fulfilment import estimated
from storefront.stores import Stores, again_if_lost

log = structlog.get_logger()

BATCH = 10
BUDGET = 5.0
"""Seconds after which a round begins no further mail."""
LEASE = timedelta(seconds=60)
"""Longer than ``BUDGET`` and the slowest mail; what a killed worker had taken waits that long."""
RETRY = timedelta(seconds=15)
KEEP_TRYING = timedelta(days=3)
"""News older than this is not sent any more when SES comes back."""


def template_for(order: OrderView, event: Event) -> str | None:
    """The mail that an event calls for as things stand now, or None."""
    if event.kind is Kind.PLACED:
        return "held" if order.held and not order.checking else None
    if event.kind in (Kind.PAID, Kind.PAID_LATE):
        # Taken back meanwhile: then the mail about the refund says all there is to say.
        return str(_CONFIRMATIONS[event.kind]) if order.status in SOLD else None
    if event.kind is Kind.REFUND_DUE:
        return "refund"
    if event.kind is Kind.STRAY_CAPTURE:
        return "second_payment"
    if event.kind is Kind.CARRIER:
        return _PARCEL.get((ShipmentStatus(event.data["status"]), order.status))
    return None


_CONFIRMATIONS = {Kind.PAID: "confirmation", Kind.PAID_LATE: "paid_late"}
_PARCEL = {
    (ShipmentStatus.IN_TRANSIT, OrderStatus.SHIPPED): "shipped",
    (ShipmentStatus.DELIVERED, OrderStatus.DELIVERED): "delivered",
}


def send_due(process: Process, stores: Stores) -> int:
    """Send a batch of the mails that order events call for; how many events are done with.

    Raises:
        StoreUnavailable: SES or Aurora is away; what is left is due again later.
    """
    with stores.transaction():
        due = stores.events.claim_mail(BATCH, LEASE)

    def give_back(left: list[DueMail], delay: timedelta) -> None:
        with stores.transaction():
            stores.events.mail_later(left, delay)

    return _each(due, lambda one: _send(process, stores, one), give_back)


def _send(process: Process, stores: Stores, due: DueMail) -> None:
    order = stores.orders.view(due.order_id)
    event = next(e for e in order.events if e.event_id == due.event_id)
    template = template_for(order, event)
    if template is not None:
        try:
            to = Recipient(order.email, order.address.name)
            reference = sha256(f"{order.order_id}:{event.event_id}".encode()).hexdigest()[:40]
            process.mailer.send(template, to, reference, **_context(process.settings, order, event))
        except MailRefused as refused:
            # Sent again it would be refused again; it must not stand in the way of the others.
            log.error("mail_refused", order_id=str(order.order_id), mail=template, reason=str(refused))
        except StoreUnavailable:
            if order.now - event.at < KEEP_TRYING:
                raise
            log.error("mail_given_up", order_id=str(order.order_id), mail=template)
    _mark(stores, due)


def _context(settings: Settings, order: OrderView, event: Event) -> dict[str, Any]:
    return {
        "order": order,
        "event": event,
        "link": OrderLinks(settings).order(order.order_id, event.at),
        "estimate": estimated(order, settings.zone),
    }


@again_if_lost
def _mark(stores: Stores, due: DueMail) -> None:
    with stores.transaction():
        stores.events.mailed(due)


# --- mails about accounts


def send_outbox(process: Process, stores: Stores) -> int:
    """Send mails that wait in the outbox; how many are done with.

    Raises:
        StoreUnavailable: SES or DynamoDB is away; what is left is due again later.
    """

    def send(one: Waiting) -> None:
        try:
            _ACCOUNT_MAILS[one.kind](process, one)
        except MailRefused as refused:
            log.error("mail_refused", mail=str(one.kind), reason=str(refused))
        stores.outbox.done(one.item)

    def give_back(left: list[Waiting], delay: timedelta) -> None:
        for one in left:
            stores.outbox.later(one.item, delay)

    return _each(stores.outbox.claim(BATCH, LEASE), send, give_back)


def send_password_reset(mailer: Mailer, to: str, name: str, link: str) -> None:
    """Send the link by which a forgotten password is replaced; ``link`` is absolute.

    Raises:
        MailRefused: that is no address mail can go to.
        StoreUnavailable: SES is away.
    """
    reference = sha256(link.encode()).hexdigest()[:40]
    mailer.send("password_reset", Recipient(to, name), reference, link=link)


def _reset(process: Process, one: Waiting) -> None:
    """The outbox holds a nonce, from which only the shop's secret makes the link."""
    link = ResetLinks(process.settings).address(one.data["nonce"])
    send_password_reset(process.mailer, one.to, one.data.get("name", ""), link)


_ACCOUNT_MAILS: dict[AccountMail, Callable[[Process, Waiting], None]] = {
    AccountMail.PASSWORD_RESET: _reset,
    AccountMail.NOTHING: lambda _process, _one: None,
}


def _each(
    taken: list[Any], send: Callable[[Any], None], give_back: Callable[[list[Any], timedelta], None]
) -> int:
    """Send what was taken while there is time, and give back what was not; how many are done with."""
    begun = time.monotonic()
    done = 0
    for place, one in enumerate(taken):
        if time.monotonic() - begun > BUDGET:
            give_back(taken[place:], timedelta(0))
            break
        try:
            send(one)
        except StoreUnavailable:
            give_back(taken[place:], RETRY)
            raise
        except Exception:
            # One that can't be written must not keep the others; it is tried again when its lease ends.
            log.exception("mail_failed")
        else:
            done += 1
    return done
