"""Reads back what the stand-in of SES took."""

from __future__ import annotations

from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path


@dataclass(frozen=True)
class Mailbox:
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
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())
