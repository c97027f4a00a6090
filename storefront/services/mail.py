"""Sending the mails that are due: those that events of orders call for, and those about accounts.

At least once: an event is claimed and committed, its mail handed to SES outside of any transaction, and only
then marked. A worker that dies in between leaves it to the end of its lease. Nothing else waits for mail:
the queue has its own column, so no order is ever claimed for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import structlog

from storefront.domain.errors import StoreUnavailable
from storefront.links import EmailLinks, NewEmail, ResetLinks
from storefront.mail.mailer import Mailer
from storefront.mail.message import MailRefused, Recipient
from storefront.process import Process
from storefront.repositories.aurora.order_events import DueMail
from storefront.repositories.dynamodb.outbox import AccountMail, Waiting
from storefront.services import news
from storefront.services.strangers_mails import can_be_caused, may_go
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


def send_due(process: Process, stores: Stores) -> int:
    """Send a batch of the mails that order events call for; how many events are done with.

    Raises:
        StoreUnavailable: SES or Aurora is unavailable; what is left is due again later.
    """
    with stores.transaction():
        due = stores.events.claim_mail(BATCH, LEASE)

    def requeue(left: list[DueMail], delay: timedelta) -> None:
        with stores.transaction():
            stores.events.mail_later(left, delay)

    return _each(stores, due, lambda one: _send(process, stores, one), requeue)


def _send(process: Process, stores: Stores, due: DueMail) -> None:
    order = stores.orders.view(due.order_id)
    event = stores.events.one(due.order_id, due.event_id)
    told = news.Told(order, event, stores.parcels.of(due.order_id))
    template = news.template_for(told)
    if template is not None:
        try:
            to = Recipient(order.email, order.address.name)
            reference = sha256(f"{order.order_id}:{event.event_id}".encode()).hexdigest()[:40]
            if can_be_caused(template, order) and not may_go(process.settings, stores, to.email, reference):
                log.warning("mail_withheld", order_id=str(order.order_id), mail=template)
                _mark(stores, due)
                return
            process.mailer.send(template, to, reference, **news.context(process.settings, told))
        except MailRefused as refused:
            # Sent again it would be refused again; it must not stand in the way of the others.
            log.error("mail_refused", order_id=str(order.order_id), mail=template, reason=str(refused))
        except StoreUnavailable:
            if order.now - event.at < KEEP_TRYING:
                raise
            log.error("mail_given_up", order_id=str(order.order_id), mail=template)
    _mark(stores, due)


@again_if_lost
def _mark(stores: Stores, due: DueMail) -> None:
    with stores.transaction():
        stores.events.mailed(due)


# --- mails about accounts


def send_outbox(process: Process, stores: Stores) -> int:
    """Send mails that wait in the outbox; how many are done with.

    Raises:
        StoreUnavailable: SES or DynamoDB is unavailable; what is left is due again later.
    """

    def send(one: Waiting) -> None:
        reset = one.kind is AccountMail.PASSWORD_RESET
        if reset and not may_go(process.settings, stores, one.to, f"outbox:{one.item}"):
            log.warning("mail_withheld", mail=str(one.kind))
            stores.outbox.done(one.item)
            return
        try:
            _ACCOUNT_MAILS[one.kind](process, one)
        except MailRefused as refused:
            log.error("mail_refused", mail=str(one.kind), reason=str(refused))
        stores.outbox.done(one.item)

    def requeue(left: list[Waiting], delay: timedelta) -> None:
        for one in left:
            stores.outbox.later(one.item, delay)

    return _each(stores, stores.outbox.claim(BATCH, LEASE), send, requeue)


def send_password_reset(mailer: Mailer, to: str, name: str, link: str) -> None:
    """Send the link by which a forgotten password is replaced; ``link`` is absolute.

    Raises:
        MailRefused: that is no address mail can go to.
        StoreUnavailable: SES is unavailable.
    """
    reference = sha256(link.encode()).hexdigest()[:40]
    mailer.send("password_reset", Recipient(to, name), reference, link=link)


def _reset(process: Process, one: Waiting) -> None:
    """The outbox holds a nonce, from which only the shop's secret makes the link."""
    link = ResetLinks(process.settings).address(one.data["nonce"])
    send_password_reset(process.mailer, one.to, one.data.get("name", ""), link)


def _changed(process: Process, one: Waiting) -> None:
    """Tells whoever has the address of a change that they may not have made."""
    reference = sha256(f"{one.kind}:{one.item}".encode()).hexdigest()[:40]
    to = Recipient(one.to, one.data.get("name", ""))
    at = datetime.fromisoformat(one.data["at"])
    process.mailer.send(str(one.kind), to, reference, at=at, new=masked(one.data.get("new", "")))


def masked(email: str) -> str:
    """An e-mail address as its owner knows it again, and nobody else learns it: ``a…@example.com``."""
    local, _, host = email.rpartition("@")
    return f"{local[:1]}…@{host}" if local else ""


def _confirm(process: Process, one: Waiting) -> None:
    """The outbox holds what the link says; only the shop's secret signs it."""
    new = NewEmail(UUID(one.data["user_id"]), one.to, one.data["fingerprint"])
    link = EmailLinks(process.settings).address(new, int(one.data["until"]))
    to = Recipient(one.to, one.data.get("name", ""))
    process.mailer.send(str(one.kind), to, sha256(link.encode()).hexdigest()[:40], link=link)


_ACCOUNT_MAILS: dict[AccountMail, Callable[[Process, Waiting], None]] = {
    AccountMail.PASSWORD_RESET: _reset,
    AccountMail.PASSWORD_CHANGED: _changed,
    AccountMail.EMAIL_CHANGED: _changed,
    AccountMail.EMAIL_CONFIRM: _confirm,
    AccountMail.NOTHING: lambda _process, _one: None,
}


def _each(
    stores: Stores,
    taken: list[Any],
    send: Callable[[Any], None],
    requeue: Callable[[list[Any], timedelta], None],
) -> int:
    """Send what was taken while there is time, and requeue what was not; how many are done with."""
    begun = time.monotonic()
    done = 0
    for place, one in enumerate(taken):
        if time.monotonic() - begun > BUDGET or stores.ending():
            requeue(taken[place:], timedelta(0))
            break
        try:
            send(one)
        except StoreUnavailable:
            requeue(taken[place:], RETRY)
            raise
        except Exception:
            # One that can't be written must not keep the others; it is tried again when its lease ends.
            log.exception("mail_failed")
        else:
            done += 1
    return done
