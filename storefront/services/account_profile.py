"""A customer's name, phone number and e-mail address."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from storefront.domain.accounts import LinkOver, Profile, email_key
from storefront.domain.errors import Invalid
from storefront.links import EmailLinks
from storefront.repositories.dynamodb.outbox import AccountMail, Outgoing
from storefront.services import accounts, address_rules
from storefront.stores import Stores

CONFIRM_LIFETIME = timedelta(hours=1)


def change(stores: Stores, profile: Profile, name: str, phone: str, country: str) -> None:
    """A new name and phone number; a number without country code is one of ``country``.

    Raises:
        Invalid: this is no phone number.
        StoreUnavailable: DynamoDB is unavailable.
    """
    if phone and not address_rules.phone_fits(phone, country):
        raise Invalid(errors={"phone": "Enter a phone number with its area code, or leave it empty"})
    if (name, phone) != (profile.name, profile.phone):
        stores.accounts.change_profile(profile.user_id, name, phone)


def ask_for_email(stores: Stores, profile: Profile, email: str, password: str) -> None:
    """Let a link be mailed to a new address, which counts once that was followed.

    It is mailed whether another account has the address or not, so that nobody learns that here.

    Raises:
        Invalid: this is no e-mail address.
        WrongPassword: ``password`` is not the current one.
        StoreUnavailable: DynamoDB is unavailable.
    """
    email_key(email)
    login = accounts.confirm(stores, profile, password, "current_password")
    until = int(time.time() + CONFIRM_LIFETIME.total_seconds())
    data = {
        "name": profile.name,
        "user_id": str(profile.user_id),
        "fingerprint": login.fingerprint,
        "until": str(until),
    }
    stores.outbox.put(AccountMail.EMAIL_CONFIRM, email, data, lifetime=CONFIRM_LIFETIME)


def confirm_email(stores: Stores, links: EmailLinks, token: str) -> Profile:
    """Use a mailed link; the profile with its new address. The old one is told.

    Raises:
        LinkOver: it is too old, was used, or the password has changed since.
        EmailTaken: another account has the address.
        StoreUnavailable: the outcome may be unknown; call again.
    """
    new = links.read(token, time.time())
    profile = stores.accounts.profile(new.user_id) if new else None
    if new is None or profile is None:
        raise LinkOver("This link was used already or is older than an hour. Ask for a new one.")
    if profile.email == new.email:
        return profile
    login = stores.accounts.login(email_key(profile.email))
    if login is None or login.fingerprint != new.fingerprint:
        raise LinkOver("This link was used already or is older than an hour. Ask for a new one.")
    at = datetime.now(UTC).isoformat(timespec="seconds")
    told = {"name": profile.name, "at": at, "new": new.email}
    stores.accounts.change_email(
        profile,
        login,
        new.email,
        Outgoing(AccountMail.EMAIL_CHANGED, profile.email, told, accounts.TOLD_LIFETIME),
    )
    return stores.accounts.profile(new.user_id) or profile
