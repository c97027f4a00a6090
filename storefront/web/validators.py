"""Text as forms send it: what can be read, within its length."""

from __future__ import annotations

import re
from typing import Any

from email_validator import EmailNotValidError, validate_email
from wtforms import Field, ValidationError

# Line breaks are for nobody's name; U+FFFD is what undecodable bytes, lone surrogates too, were read as.
_UNREADABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd\ud800-\udfff]")


class Text:
    """A validator: readable characters only, at most ``most``, and with ``required`` not blank."""

    def __init__(self, most: int, required: str = "") -> None:
        self.most = most
        self.required = required
        self.field_flags = {"maxlength": most, **({"required": True} if required else {})}

    def __call__(self, _form: Any, field: Field) -> None:
        value = field.data or ""
        if _UNREADABLE.search(value):
            raise ValidationError("Remove the characters that can't be read here, such as line breaks")
        if self.required and not value.strip():
            raise ValidationError(self.required)
        if len(value) > self.most:
            raise ValidationError(f"Use at most {self.most} characters")


class Email:
    """A validator: an address mail can be sent to, by its form alone; no host is asked.

    Only ASCII before the @: SES sends to nothing else.
    """

    def __call__(self, _form: Any, field: Field) -> None:
        try:
            validate_email(field.data or "", check_deliverability=False, allow_smtputf8=False)
        except EmailNotValidError:
            raise ValidationError("Enter an e-mail address, such as name@example.com") from None


def stripped(value: str | None) -> str:
    """A WTForms filter: text without blanks at its edges, never None."""
    return (value or "").strip()
