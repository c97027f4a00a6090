"""What needs a person: put on one list, told by mail, and taken off it by an operator."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from uuid import UUID

import structlog

from storefront.domain.attention import AttentionItem, AttentionKind
from storefront.domain.errors import StoreUnavailable
from storefront.mail.message import MailRefused, Recipient
from storefront.process import Process
from storefront.stores import Stores, again_if_lost

log = structlog.get_logger()

MAIL_EVERY = timedelta(minutes=15)
"""The least between two mails: what comes up meanwhile is told by the next, all in one."""
LEASE = timedelta(seconds=60)
"""Longer than a mail takes; what a killed worker had taken waits that long."""
RETRY = timedelta(seconds=15)


def raise_(
    stores: Stores,
    kind: AttentionKind,
    subject: str,
    order_id: UUID | None = None,
    *,
    code: str | None = None,
    text: str = "",
) -> bool:
    """Within a transaction: put something on the list; False if it stands there already.

    ``subject`` names it within its kind (a dispute's id, a parcel's): while it is open, it is listed once.
    Call this where the thing happens, not where it is seen again, or what an operator has taken off the
    list comes back. ``text``, by default the kind's own words, must name nobody: it goes out by mail.
    """
    fresh = stores.attention.add(kind, subject, order_id, code, text or kind.words)
    if fresh:
        told = str(order_id) if order_id else None
        stores.after_commit(lambda: log.error("attention", kind=str(kind), subject=subject, order_id=told))
    return fresh


def resolve(stores: Stores, kind: AttentionKind, subject: str) -> bool:
    """Within a transaction: what has ended by itself leaves the list; False if it was not on it."""
    return stores.attention.close(kind, subject)


@again_if_lost
def done(stores: Stores, id_: int) -> None:
    """An operator has seen to it. Repeatable.

    Raises:
        NotFound: there never was such a row.
    """
    with stores.transaction():
        stores.attention.done(id_)


def mail_operator(process: Process, stores: Stores) -> int:
    """Mail the operator of what is new on the list, all in one mail and not too often; how many rows.

    At least once: a worker that dies between sending and writing that down leaves it to the end of its lease.

    Raises:
        StoreUnavailable: SES or Aurora is unavailable; due again later.
    """
    to = process.settings.operator_mail
    if not to:
        return 0
    with stores.transaction():
        items = stores.attention.claim_mail(MAIL_EVERY, LEASE)
    if not items:
        return 0
    ids = [item.id for item in items]
    try:
        process.mailer.send("attention", Recipient(to), _reference(items), items=items)
    except MailRefused as refused:
        # Sent again it would be refused again; the list and the log have it.
        log.error("mail_refused", mail="attention", reason=str(refused))
    except StoreUnavailable:
        with stores.transaction():
            stores.attention.mail_later(ids, RETRY)
        raise
    _mailed(stores, ids)
    return len(ids)


def _reference(items: list[AttentionItem]) -> str:
    """The same for the same rows, so that a mail sent twice is the same mail."""
    return sha256(",".join(str(item.id) for item in items).encode()).hexdigest()[:40]


@again_if_lost
def _mailed(stores: Stores, ids: list[int]) -> None:
    with stores.transaction():
        stores.attention.mailed(ids)
