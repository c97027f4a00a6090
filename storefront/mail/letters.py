"""Writes mails from their templates: ``templates/mail/NAME.txt`` and ``NAME.html``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from storefront.config import Settings
from storefront.formats import Formats
from storefront.mail.message import Letter, Recipient

TEMPLATES = Path(__file__).parents[2] / "templates"


class Letters:
    """The templates of mails, rendered outside of any request. Safe to share between threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=select_autoescape(["html"], default=False),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        # Globals, since macros of a part know nothing of what the letter is given.
        self._templates.globals.update(light=settings.house.light, dark=settings.house.dark)
        formats = Formats(settings)
        self._templates.filters.update(
            money=formats.money,
            number=formats.number,
            day=formats.day,
            when=formats.when_words,
            clock=formats.clock_words,
            country=formats.country,
            refund_words=formats.refund_words,
            refund_part_words=formats.refund_part_words,
            postal=formats.postal,
        )

    def write(self, template: str, to: Recipient, reference: str, **context: Any) -> Letter:
        """One mail. The text's first line is ``Subject: …``."""
        context = {
            "to": to,
            "shop_name": self._settings.shop_name,
            "base_url": self._settings.base_url,
            "currency": self._settings.currency,
            "structured": (),
            **context,
        }
        text = self._templates.get_template(f"mail/{template}.txt").render(context)
        subject, _, body = text.partition("\n")
        subject = subject.removeprefix("Subject:").strip()
        html = self._templates.get_template(f"mail/{template}.html").render(context, subject=subject)
        body = re.sub(r"\n{3,}", "\n\n", body).strip() + "\n"
        return Letter(to, subject, body, html, reference)
