"""Links that show one order to whoever holds them: signed, and good until a time of their own."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from uuid import UUID

from itsdangerous import BadSignature, URLSafeSerializer

from storefront.config import Settings

GUEST_LINK = timedelta(days=90)
"""How long the link of a mail shows its order."""


class OrderLinks:
    """Makes and reads view-only keys. The same order and time give the same key, always."""

    def __init__(self, settings: Settings) -> None:
        self._base_url = settings.base_url
        self._serializer = URLSafeSerializer(settings.secret_key.get_secret_value(), salt="order-link")

    def key(self, order_id: UUID, until: int) -> str:
        """A key that shows one order until a time (seconds since 1970)."""
        return str(self._serializer.dumps([order_id.hex, until]))

    def opens(self, order_id: UUID, key: str, now: float) -> bool:
        """Whether a key is ours, of this order and still good at ``now`` (seconds since 1970)."""
        try:
            hexadecimal, until = self._serializer.loads(key)
            return bool(hexadecimal == order_id.hex and int(until) > now)
        except (BadSignature, ValueError, TypeError):
            return False

    def order(self, order_id: UUID, since: datetime) -> str:
        """The absolute address of an order's page for a mail about what happened at ``since``.

        It follows from its arguments, so that a mail sent twice is the same mail.
        """
        until = int((since + GUEST_LINK).timestamp())
        return f"{self._base_url}/orders/{order_id}?key={self.key(order_id, until)}"


class ResetLinks:
    """Links to choose a new password.

    The token follows from a random nonce and the shop's secret: the nonce may wait in an outbox and the
    token's hash in a table, and neither opens anything to somebody who reads them there.
    """

    def __init__(self, settings: Settings) -> None:
        self._base_url = settings.base_url
        self._secret = settings.secret_key.get_secret_value().encode()

    def token(self, nonce: str) -> str:
        digest = hmac.digest(self._secret, b"password-reset:" + nonce.encode(), "sha256")
        return urlsafe_b64encode(digest).decode().rstrip("=")

    def address(self, nonce: str) -> str:
        """The absolute address for the mail."""
        return f"{self._base_url}/reset-password?token={self.token(nonce)}"
