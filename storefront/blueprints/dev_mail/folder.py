"""Reads the folder in which the stand-in of SES keeps mails, a file each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from storefront.domain.errors import NotFound


@dataclass(frozen=True)
class Mail:
    mail_id: str
    at: datetime
    to: str
    sender: str
    subject: str
    text: str
    html: str
    source: str


class MailFolder:
    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def newest(self, limit: int) -> list[Mail]:
        """The latest mails, newest first: names sort by time."""
        return [_read(path) for path in sorted(self._files(), reverse=True)[:limit]]

    def read(self, mail_id: str) -> Mail:
        """One mail.

        Raises:
            NotFound: there is none of this name.
        """
        # Looked for among what is there, so that no name leads out of the folder.
        for path in self._files():
            if path.stem == mail_id:
                return _read(path)
        raise NotFound("There is no such mail")

    def _files(self) -> list[Path]:
        return list(self._folder.glob("*.eml"))


def _read(path: Path) -> Mail:
    raw = path.read_bytes()
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    return Mail(
        mail_id=path.stem,
        at=datetime.fromtimestamp(path.stat().st_mtime, UTC),
        to=str(message.get("To", "")),
        sender=str(message.get("From", "")),
        subject=str(message.get("Subject", "")) or "(no subject)",
        text=_part(message, "plain"),
        html=_part(message, "html"),
        source=raw.decode("utf-8", "replace"),
    )


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if part is not None else ""
