"""Registering, signing in, passwords, and the end of an account."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from storefront.domain.accounts import (
    EmailTaken,
    LinkOver,
    Login,
    Profile,
    ResetLink,
    ShopperTaken,
    WrongPassword,
    email_key,
)
from storefront.domain.errors import Conflict, Invalid
from storefront.domain.ids import UserId
from storefront.links import ResetLinks
from storefront.payments.stripe_client import Stripe
from storefront.repositories.dynamodb.outbox import AccountMail, Outgoing
from storefront.services import passwords, shopper_claims
from storefront.services.payments import saved_cards
from storefront.stores import Stores

RESET_LIFETIME = timedelta(minutes=30)
TOLD_LIFETIME = timedelta(days=3)
"""How long a mail about a change is worth sending."""


def register(stores: Stores, shopper: UserId, name: str, email: str, password: str) -> Profile:
    """A new account on the shopper's own id, so that cart and orders are the account's at once.

    Where that id has a profile, the account gets a fresh one; compare ``user_id``.

    Raises:
        Invalid: the e-mail address or the password does not do.
        EmailTaken: there is an account with this e-mail address.
        StoreUnavailable: DynamoDB is unavailable.
    """
    key = email_key(email)
    passwords.check(password, email, name)
    if stores.accounts.login(key) is not None:
        # Before the hash, which is costly; the transaction decides for those who come at once.
        raise EmailTaken(email)
    password_hash = passwords.hash_password(password)
    profile = Profile(shopper, name, email)
    try:
        _make(stores, profile, password_hash)
    except ShopperTaken:
        profile = replace(profile, user_id=UserId(uuid4()))
        _make(stores, profile, password_hash)
    return profile


def _make(stores: Stores, profile: Profile, password_hash: str) -> None:
    """From the moment that there is a profile, the cookie this browser had as a guest is worth nothing."""
    shopper_claims.begin(stores, profile.user_id)
    try:
        stores.accounts.register(profile, password_hash)
    except EmailTaken:
        shopper_claims.withdraw(stores, profile.user_id)
        raise
    shopper_claims.keep(stores, profile.user_id)


def sign_in(stores: Stores, email: str, password: str) -> Profile | None:
    """The profile if the password is right. None otherwise, after the same time whoever it was.

    Raises:
        StoreUnavailable: DynamoDB is unavailable.
    """
    try:
        login = stores.accounts.login(email_key(email))
    except Invalid:
        login = None
    if not _right(login, password):
        return None
    assert login is not None
    if passwords.outdated(login.password_hash):
        stores.accounts.rehash(login, passwords.hash_password(password))
    # Accounts older than these claims are claimed here.
    shopper_claims.keep(stores, login.user_id)
    return stores.accounts.profile(login.user_id)


def _right(login: Login | None, password: str) -> bool:
    return passwords.verify(login.password_hash if login else None, password)


def change_password(stores: Stores, profile: Profile, current: str, new: str) -> Profile:
    """A new password. Every session ends; the profile that comes back carries the epoch of the next.

    Raises:
        WrongPassword: ``current`` is not the password.
        Invalid: the new one does not do.
        Conflict: the password was changed elsewhere at the same time.
        StoreUnavailable: DynamoDB is unavailable.
    """
    login = confirm(stores, profile, current, "current_password")
    try:
        passwords.check(new, profile.email, profile.name)
    except Invalid as invalid:
        raise Invalid(errors={"new_password": invalid.errors["password"]}) from None
    if not stores.accounts.change_password(login, passwords.hash_password(new), _password_told(profile)):
        raise Conflict("Your password was changed elsewhere at the same time. Please try again.")
    return stores.accounts.profile(profile.user_id) or profile


def confirm(stores: Stores, profile: Profile, password: str, field: str) -> Login:
    """The customer's login, once they have given their password again.

    Raises:
        WrongPassword: with words for ``field``.
        StoreUnavailable: DynamoDB is unavailable.
    """
    login = stores.accounts.login(email_key(profile.email))
    if not _right(login, password):
        raise WrongPassword(errors={field: "This is not your password"})
    assert login is not None
    return login


# --- forgotten passwords


def forgot(stores: Stores, links: ResetLinks, email: str) -> None:
    """Let a link to choose a new password be mailed, if there is such an account.

    Whether there is one shows neither in what is answered nor in how long it takes: the same five calls are
    made either way, and the mail goes out later by the worker. It goes to the address that the account was
    made with, never to the one typed, since different mailboxes can have equal keys.

    Raises:
        StoreUnavailable: DynamoDB is unavailable.
    """
    try:
        key = email_key(email)
    except Invalid:
        key = f"none:{secrets.token_hex(8)}"
    login = stores.accounts.login(key)
    profile = stores.accounts.profile(login.user_id if login else uuid4())
    nonce = secrets.token_urlsafe(24)
    fingerprint = login.fingerprint if login else secrets.token_hex(16)
    expires = int(time.time() + RESET_LIFETIME.total_seconds())
    stores.password_resets.store(ResetLink(_hash(links.token(nonce)), key, fingerprint), expires)
    stores.outbox.put(
        AccountMail.PASSWORD_RESET if profile else AccountMail.NOTHING,
        profile.email if profile else "nobody@example.com",
        {"nonce": nonce, "name": profile.name if profile else ""},
        lifetime=RESET_LIFETIME,
    )


def opened(stores: Stores, token: str) -> tuple[ResetLink, Login]:
    """What a mailed token opens.

    Raises:
        LinkOver: it was used, is older than 30 minutes, or the password has changed since.
        StoreUnavailable: DynamoDB is unavailable.
    """
    link = stores.password_resets.find(_hash(token))
    login = stores.accounts.login(link.email_key) if link else None
    if link is None or login is None or login.fingerprint != link.fingerprint:
        raise LinkOver("This link was used already or is older than 30 minutes. Ask for a new one.")
    return link, login


def reset_password(stores: Stores, token: str, password: str) -> None:
    """Use a token up for a new password. Every session of the account ends.

    Raises:
        LinkOver: the token does not work any more.
        Invalid: the password does not do; the token still works.
        StoreUnavailable: the outcome may be unknown.
    """
    link, login = opened(stores, token)
    passwords.check(password, link.email_key)
    profile = stores.accounts.profile(login.user_id)
    if profile is None or not stores.password_resets.use(
        link, login, passwords.hash_password(password), _password_told(profile)
    ):
        raise LinkOver("This link was used already. Ask for a new one.")


def _password_told(profile: Profile) -> Outgoing:
    """The mail to whoever has the address, who may not be the one that chose the new password."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return Outgoing(
        AccountMail.PASSWORD_CHANGED, profile.email, {"name": profile.name, "at": at}, TOLD_LIFETIME
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


# --- the customer's data


def delete(stores: Stores, stripe: Stripe, profile: Profile, password: str) -> None:
    """End an account at once. Orders that ended keep their data until ``retention`` takes it off.

    Raises:
        WrongPassword: asked for again, it was not right.
        Conflict: an order is open.
        PaymentUnavailable: Stripe, where the saved cards are, is unavailable; the account is there still.
        StoreUnavailable: DynamoDB is unavailable; the account may be there still.
    """
    confirm(stores, profile, password, "password")
    if stores.customer_orders.any_open(profile.user_id):
        raise Conflict(
            "One of your orders is still on its way or not paid yet. "
            "You can delete your account when it has arrived or is cancelled."
        )
    shopper_claims.keep(stores, profile.user_id)
    saved_cards.forget(stripe, profile)
    stores.accounts.delete(profile)
