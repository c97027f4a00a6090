"""One process's way to send mail."""

from __future__ import annotations

from typing import Any

from storefront.config import Settings
from storefront.mail.letters import Letters
from storefront.mail.message import Recipient
from storefront.mail.ses import Ses
from storefront.resilience.breaker import Breaker


class Mailer:
    def __init__(self, settings: Settings) -> None:
        self._letters = Letters(settings)
        self._ses = Ses(settings)

    @property
    def breaker(self) -> Breaker:
        return self._ses.breaker

    def send(self, template: str, to: Recipient, reference: str, **context: Any) -> None:
        """Write a mail and hand it over.

        Raises:
            MailRefused: it can never go out.
            StoreUnavailable: later.
        """
        self._ses.send(self._letters.write(template, to, reference, **context))
