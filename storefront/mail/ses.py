"""Amazon SES v2 by boto3: bounded, and telling "later" from "never"."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from storefront.aws import code_of, is_fault, make_client
from storefront.config import Settings
from storefront.domain.errors import StoreUnavailable
from storefront.mail.message import Letter, MailRefused, Recipient, build
from storefront.resilience.breaker import Breaker

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

REFUSALS = frozenset(["MessageRejected", "BadRequestException"])
"""About this mail. All else is about us: throttled, paused, a sender that is not verified yet."""


class Ses:
    """Holds the one boto3 client of a process, made on first use, hence after any fork."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._client: SESV2Client | None = None
        # Without a probe: SES has no question that the right to send mail allows to ask.
        self.breaker = Breaker("ses", partial(StoreUnavailable, "ses", "breaker"), is_fault)

    def send(self, letter: Letter) -> None:
        """Hand a mail over. SES has no idempotency: a lost answer means that it may go out twice.

        Raises:
            MailRefused: SES will never take this mail.
            StoreUnavailable: SES is unavailable, throttles, or does not let us send now; try again later.
        """
        sender = Recipient(self._settings.mail_from)
        message = build(letter, sender, self._settings.sender)
        try:
            with self.breaker.call():
                answer = self._ses.send_email(
                    FromEmailAddress=str(message["From"]),
                    Destination={"ToAddresses": [letter.to.email]},
                    # A message built from parts by SES would lose what we put into the headers.
                    Content={"Raw": {"Data": message.as_bytes()}},
                )
        except ClientError as error:
            told = error.response.get("Error", {})
            code = told.get("Code", "")
            if code in REFUSALS and "not verified" not in told.get("Message", ""):
                raise MailRefused(code) from None
            raise StoreUnavailable("ses", code) from error
        except BotoCoreError as error:
            raise StoreUnavailable("ses", code_of(error)) from error
        if not answer.get("MessageId"):
            # botocore reads a reply whose body was cut off as an empty answer.
            raise StoreUnavailable("ses")

    @property
    def _ses(self) -> SESV2Client:
        if self._client is None:
            with self._lock:
                if self._client is None:
                    self._client = make_client(
                        "sesv2",
                        region_name=self._settings.aws_region,
                        config=Config(
                            connect_timeout=1,
                            read_timeout=3,
                            # The first try counts: two in all. The queue tries again anyway.
                            retries={"mode": "standard", "total_max_attempts": 2},
                            max_pool_connections=4,
                        ),
                    )
        return self._client
