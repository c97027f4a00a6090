"""Reads back what the stand-in of SES took, and what is still to be sent."""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from uuid import UUID

import pytest
from botocore.exceptions import ClientError

from storefront.process import Process
from storefront.stores import Stores
from tests.support.database import sql
from tests.support.factories import order
from tests.support.till import capture


@dataclass(frozen=True)
class Mailbox:
    """The mails that a stand-in of SES took, as files in its ``folder``; ``address`` is its endpoint."""

    address: str
    folder: Path

    def empty(self) -> None:
        for path in self.folder.glob("*.eml"):
            path.unlink()

    def mails(self) -> list[EmailMessage]:
        """All mails, oldest first."""
        return [_mail(path.read_bytes()) for path in sorted(self.folder.glob("*.eml"))]

    def subjects(self) -> list[str]:
        return [str(mail["Subject"]) for mail in self.mails()]

    def only(self) -> EmailMessage:
        (mail,) = self.mails()
        return mail


def _mail(raw: bytes) -> EmailMessage:
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def body(mail: EmailMessage, kind: str = "plain") -> str:
    """A mail's text, ``plain`` or ``html``."""
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def paid(stores: Stores, *skus: str) -> UUID:
    order_id = order(stores, *skus)
    capture(stores, order_id)
    return order_id


def due(stores: Stores) -> int:
    """Events that nothing was sent or decided for yet."""
    (row,) = sql(stores, "SELECT count(*) FROM order_events WHERE mailed_at IS NULL")
    return int(str(row[0]))


def make_due(stores: Stores) -> None:
    """Let all leases, reminders and pauses be over."""
    sql(stores, "UPDATE order_events SET mail_after = now() - interval '1 second' WHERE mailed_at IS NULL")


def refuse(process: Process, patch: pytest.MonkeyPatch, code: str, message: str) -> list[object]:
    """Let SES answer with an error; the requests that it got."""
    asked: list[object] = []

    def answer(**request: object) -> None:
        asked.append(request)
        raise ClientError({"Error": {"Code": code, "Message": message}}, "SendEmail")

    patch.setattr(process.mailer._ses._ses, "send_email", answer)
    return asked
