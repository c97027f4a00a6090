"""Accounts: a customer's profile, sign-in, addresses and cards."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass, field
from uuid import UUID

from email_validator import EmailNotValidError, validate_email

from storefront.domain.addresses import PostalAddress
from storefront.domain.errors import Conflict, Invalid
from storefront.domain.ids import UserId

MAX_ADDRESSES = 20
EMAIL_MAX = 254
"""Characters an address may have (RFC 5321, section 4.5.3.1.3, less the angle brackets)."""
PASSWORD_LEAST, PASSWORD_MOST = 8, 128
"""Characters. No composition rules and no truncation (NIST SP 800-63B, section 3.1.1)."""


class EmailTaken(Conflict):
    """Another account has this e-mail address."""

    def __init__(self, email: str) -> None:
        super().__init__("There is an account with this e-mail address already. Sign in instead.")
        self.email = email


class ShopperTaken(Conflict):
    """This shopper id has a profile already, so a new account needs another id."""


class WrongPassword(Invalid):
    """The current password, asked for again, was not right."""


class LinkOver(Conflict):
    """A link to choose a new password that was used, replaced or is too old."""


@dataclass(frozen=True)
class Profile:
    """The account itself. ``session_epoch`` grows with every sign-out and new password: sessions that
    carry another one are over."""

    user_id: UserId
    name: str
    email: str
    phone: str = ""
    session_epoch: int = 1
    stripe_customer: str | None = None
    default_address_id: UUID | None = None


@dataclass(frozen=True)
class Login:
    """What a sign-in is checked against, found by the e-mail's key."""

    email_key: str
    user_id: UserId
    password_hash: str = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """Changes with the password, and tells nothing of it."""
        return hashlib.sha256(self.password_hash.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class SavedAddress:
    address_id: UUID
    address: PostalAddress
    is_default: bool = False


@dataclass(frozen=True)
class SavedCard:
    """A card kept at the payment provider; only its token is ours. ``expiry`` reads ``MM/YY``; cards of one
    number have one ``fingerprint``, whatever their tokens."""

    provider: str
    token: str
    brand: str
    last4: str
    expiry: str
    is_default: bool = False
    fingerprint: str = field(default="", repr=False)

    def twin_of(self, other: SavedCard) -> bool:
        """Whether both are the same card, kept twice."""
        same = (self.fingerprint, self.expiry) == (other.fingerprint, other.expiry)
        return self.token == other.token or (bool(self.fingerprint) and same)


@dataclass(frozen=True)
class Account:
    """Everything of one customer, as one Query reads it; the default address first, then by name."""

    profile: Profile
    addresses: tuple[SavedAddress, ...]
    cards: tuple[SavedCard, ...]

    def address(self, address_id: UUID) -> SavedAddress | None:
        return next((a for a in self.addresses if a.address_id == address_id), None)

    def card(self, token: str) -> SavedCard | None:
        return next((c for c in self.cards if c.token == token), None)


@dataclass(frozen=True)
class ResetLink:
    """What is kept of such a link: whose it is, and the password it was made against; never the token."""

    token_hash: str
    email_key: str
    fingerprint: str


def email_key(email: str) -> str:
    """The form of an e-mail address by which accounts are unique: Unicode and case folded, no host asked.

    Raises:
        Invalid: this is no address.
    """
    try:
        normalized = validate_email(email, check_deliverability=False).normalized
    except EmailNotValidError:
        raise Invalid(errors={"email": "Enter an e-mail address, such as name@example.com"}) from None
    return unicodedata.normalize("NFC", normalized.casefold())
