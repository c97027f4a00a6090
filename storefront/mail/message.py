"""A mail as it goes out. Whatever it is made of, its headers are one line each and ours alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import localtime

from email_validator import EmailNotValidError, validate_email

NAME_MAX = 60
SUBJECT_MAX = 150

# C0 and C1 controls, line and paragraph separators, directions that turn text around, lone surrogates.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]+")
_NOT_A_NAME = re.compile(r"[0-9@/\\:<>\[\](){}|~^*=+#$%&_\";!?]|\w\.\w|www", re.IGNORECASE)


class MailRefused(Exception):
    """This mail can never go out: no mail system takes its address or its content.

    ``str()`` is a reason without the address, fit for logs.
    """


def one_line(text: str, most: int) -> str:
    """Printable text on one line of at most ``most`` characters."""
    return " ".join(_UNPRINTABLE.sub(" ", text).split())[:most].strip()


def polite_name(text: str) -> str:
    """A name as a mail may use it, or nothing.

    Anybody can register or order with somebody else's address and an advertisement for a name; what
    holds an address, a link or a number is no name to greet with.
    """
    name = one_line(text, NAME_MAX + 1)
    return "" if len(name) > NAME_MAX or _NOT_A_NAME.search(name) else name


@dataclass(frozen=True)
class Recipient:
    """Who gets a mail: an address that is one, and a name fit for a header.

    Raises:
        MailRefused: that is no address mail can go to.
    """

    email: str
    name: str = ""

    def __post_init__(self) -> None:
        try:
            # Amazon SES takes ASCII only before the @ and Punycode after it.
            address = validate_email(self.email, check_deliverability=False, allow_smtputf8=False)
        except EmailNotValidError:
            raise MailRefused("not an e-mail address") from None
        object.__setattr__(self, "email", address.ascii_email)
        object.__setattr__(self, "name", polite_name(self.name))


@dataclass(frozen=True)
class Letter:
    """What one mail says. ``reference`` names it: sent twice, it is the same mail."""

    to: Recipient
    subject: str
    text: str
    html: str
    reference: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "subject", one_line(self.subject, SUBJECT_MAX))
        object.__setattr__(self, "reference", re.sub(r"[^0-9a-zA-Z-]", "", self.reference)[:64])


def build(letter: Letter, sender: Recipient, sender_name: str) -> EmailMessage:
    """The mail with its text and its HTML. Every header is made here, of checked parts."""
    message = EmailMessage(policy=SMTP.clone(max_line_length=200))
    message["From"] = Address(one_line(sender_name, NAME_MAX), addr_spec=sender.email)
    message["To"] = Address(letter.to.name, addr_spec=letter.to.email)
    message["Subject"] = letter.subject
    message["Date"] = localtime()
    message["Message-ID"] = f"<mail-{letter.reference}@{sender.email.rpartition('@')[2]}>"
    # Out-of-office programs leave such mails alone (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text, cte="quoted-printable")
    message.add_alternative(letter.html, subtype="html", cte="quoted-printable")
    return message
