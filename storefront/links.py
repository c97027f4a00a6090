"""Links that show one order to whoever holds them: signed, and good until a time of their own."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass
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
        self._serializer = URLSafeSerializer(settings.signing_keys, salt="order-link")

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


@dataclass(frozen=True)
class NewEmail:
    """What a link to a new e-mail address says: whose, which, and the password it was asked for with."""

    user_id: UUID
    email: str
    fingerprint: str


class EmailLinks:
    """Links by which a new e-mail address is confirmed, mailed to it alone."""

    def __init__(self, settings: Settings) -> None:
        self._base_url = settings.base_url
        self._serializer = URLSafeSerializer(settings.signing_keys, salt="new-email")

    def address(self, new: NewEmail, until: int) -> str:
        """The absolute address for the mail, good until a time (seconds since 1970)."""
        token = self._serializer.dumps([new.user_id.hex, new.email, new.fingerprint, until])
        return f"{self._base_url}/confirm-email?token={token}"

    def read(self, token: str, now: float) -> NewEmail | None:
        """What a token says; None if it is not ours or too old at ``now`` (seconds since 1970)."""
        try:
            user_id, email, fingerprint, until = self._serializer.loads(token)
            return NewEmail(UUID(user_id), str(email), str(fingerprint)) if int(until) > now else None
        except (BadSignature, ValueError, TypeError):
            return None


class ResetLinks:
    """Links to choose a new password.

    The token follows from a random nonce and the shop's secret: the nonce may wait in an outbox and the
    token's hash in a table, and neither opens anything to somebody who reads them there.
    """

    def __init__(self, settings: Settings) -> None:
        self._base_url = settings.base_url
        self._secret = settings.secret_key.get_secret_value().encode()

    def token(self, nonce: str) -> str:
        return _token(self._secret, b"password-reset:", nonce)

    def address(self, nonce: str) -> str:
        """The absolute address for the mail."""
        return f"{self._base_url}/reset-password?token={self.token(nonce)}"


class ChangeLinks:
    """Links, used once, that let an order be changed; their tokens are made as those of ``ResetLinks``."""

    def __init__(self, settings: Settings) -> None:
        self._base_url = settings.base_url
        self._secret = settings.secret_key.get_secret_value().encode()

    def token(self, nonce: str) -> str:
        return _token(self._secret, b"change-order:", nonce)

    def address(self, order_id: UUID, nonce: str) -> str:
        """The absolute address for the mail."""
        return f"{self._base_url}/orders/{order_id}/link?token={self.token(nonce)}"


def _token(secret: bytes, purpose: bytes, nonce: str) -> str:
    return urlsafe_b64encode(hmac.digest(secret, purpose + nonce.encode(), "sha256")).decode().rstrip("=")
