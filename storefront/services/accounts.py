"""Registering, signing in, passwords, and the end of an account."""

from __future__ import annotations

import hashlib
import secrets
import time
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any
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
from storefront.repositories.aurora.customer_orders import CustomerOrder
from storefront.repositories.dynamodb.outbox import AccountMail
from storefront.services import cards, passwords
from storefront.stores import Stores

RESET_LIFETIME = timedelta(minutes=30)
EXPORT_PAGE = 200


def register(stores: Stores, shopper: UserId, name: str, email: str, password: str) -> Profile:
    """A new account on the shopper's own id, so that cart and orders are the account's at once.

    Where that id has a profile, the account gets a fresh one; compare ``user_id``.

    Raises:
        Invalid: the e-mail address or the password does not do.
        EmailTaken: there is an account with this e-mail address.
        StoreUnavailable: DynamoDB is away.
    """
    key = email_key(email)
    passwords.check(password, email, name)
    if stores.users.login(key) is not None:
        # Before the hash, which is costly; the transaction decides for those who come at once.
        raise EmailTaken(email)
    password_hash = passwords.hash_password(password)
    profile = Profile(shopper, name, email)
    try:
        stores.users.register(profile, password_hash)
    except ShopperTaken:
        profile = replace(profile, user_id=UserId(uuid4()))
        stores.users.register(profile, password_hash)
    return profile


def sign_in(stores: Stores, email: str, password: str) -> Profile | None:
    """The profile if the password is right. None otherwise, after the same time whoever it was.

    Raises:
        StoreUnavailable: DynamoDB is away.
    """
    try:
        login = stores.users.login(email_key(email))
    except Invalid:
        login = None
    if not _right(login, password):
        return None
    assert login is not None
    if passwords.outdated(login.password_hash):
        stores.users.rehash(login, passwords.hash_password(password))
    return stores.users.profile(login.user_id)


def _right(login: Login | None, password: str) -> bool:
    return passwords.verify(login.password_hash if login else None, password)


def change_password(stores: Stores, profile: Profile, current: str, new: str) -> Profile:
    """A new password. Every session ends; the profile that comes back carries the epoch of the next.

    Raises:
        WrongPassword: ``current`` is not the password.
        Invalid: the new one does not do.
        Conflict: the password was changed elsewhere at the same time.
        StoreUnavailable: DynamoDB is away.
    """
    login = confirm(stores, profile, current, "current_password")
    try:
        passwords.check(new, profile.email, profile.name)
    except Invalid as invalid:
        raise Invalid(errors={"new_password": invalid.errors["password"]}) from None
    if not stores.users.change_password(login, passwords.hash_password(new)):
        raise Conflict("Your password was changed elsewhere at the same time. Please try again.")
    return stores.users.profile(profile.user_id) or profile


def confirm(stores: Stores, profile: Profile, password: str, field: str) -> Login:
    """The customer's login, once they have given their password again.

    Raises:
        WrongPassword: with words for ``field``.
        StoreUnavailable: DynamoDB is away.
    """
    login = stores.users.login(email_key(profile.email))
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
        StoreUnavailable: DynamoDB is away.
    """
    try:
        key = email_key(email)
    except Invalid:
        key = f"none:{secrets.token_hex(8)}"
    login = stores.users.login(key)
    profile = stores.users.profile(login.user_id if login else uuid4())
    nonce = secrets.token_urlsafe(24)
    fingerprint = login.fingerprint if login else secrets.token_hex(16)
    expires = int(time.time() + RESET_LIFETIME.total_seconds())
    stores.users.keep_reset(ResetLink(_hash(links.token(nonce)), key, fingerprint), expires)
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
        StoreUnavailable: DynamoDB is away.
    """
    link = stores.users.reset(_hash(token))
    login = stores.users.login(link.email_key) if link else None
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
    if not stores.users.use_reset(link, login, passwords.hash_password(password)):
        raise LinkOver("This link was used already. Ask for a new one.")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


# --- the customer's data


def delete(stores: Stores, stripe: Stripe, profile: Profile, password: str) -> None:
    """End an account at once. Orders that ended keep their data until ``retention`` takes it off.

    Raises:
        WrongPassword: asked for again, it was not right.
        Conflict: an order is open.
        PaymentUnavailable: Stripe is away, where the kept cards are; the account is there still.
        StoreUnavailable: DynamoDB is away; the account may be there still.
    """
    confirm(stores, profile, password, "password")
    if stores.customer_orders.any_open(profile.user_id):
        raise Conflict(
            "One of your orders is still on its way or not paid yet. "
            "You can delete your account when it has arrived or is cancelled."
        )
    cards.forget(stripe, profile)
    stores.users.delete(profile)


def export(stores: Stores, user_id: UserId) -> dict[str, Any]:
    """Everything the shop holds of a customer, fit for JSON. Amounts are in cents, times in UTC.

    Raises:
        StoreUnavailable: DynamoDB is away.
    """
    account = stores.users.for_account(user_id)
    profile = account.profile
    return {
        "profile": {
            "user_id": str(profile.user_id),
            "name": profile.name,
            "email": profile.email,
            "phone": profile.phone,
        },
        "addresses": [
            {"address_id": str(a.address_id), "default": a.is_default, **asdict(a.address)}
            for a in account.addresses
        ],
        "cards": [
            {"brand": card.brand, "last4": card.last4, "expiry": card.expiry, "default": card.is_default}
            for card in account.cards
        ],
        "orders": _export_orders(stores, user_id),
    }


def _export_orders(stores: Stores, user_id: UserId) -> list[dict[str, Any]]:
    orders: list[CustomerOrder] = []
    while True:
        before = (orders[-1].created_at, orders[-1].order_id) if orders else None
        page = stores.customer_orders.page(user_id, EXPORT_PAGE, before)
        orders += page
        if len(page) < EXPORT_PAGE:
            break
    where = stores.customer_orders.addresses([order.order_id for order in orders])
    return [
        {
            "order_id": str(order.order_id),
            "number": order.number,
            "status": str(order.status),
            "total_cents": order.total_cents,
            "created_at": order.created_at.isoformat(),
            "email": where[order.order_id][0],
            "address": where[order.order_id][1],
            "lines": [
                {"sku": line.sku, "name": line.name, "qty": line.qty, "price_cents": line.price_cents}
                for line in order.lines
            ],
        }
        for order in orders
    ]
