"""Keys of both tables' item collections: a customer's, a few shared ones, and an order's delivery."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from storefront.repositories.dynamodb.table import Item

USERS, DELIVERIES = "user_id", "order_id"
"""The partition keys of the two tables; the sort key of both is ``item``."""

PROFILE = "profile"
LOGIN = "login"
ADDRESS = "address#"
PAYMENT = "payment#"
RESET = "reset"
COUNTER = "window"
MAIL = "mail#"
SHIPMENT = "shipment"
TRACKING = "tracking#"

# --- the users table


def customer(user_id: UUID) -> Item:
    """The partition of all that a customer has."""
    return _user(str(user_id))


def profile(user_id: UUID) -> Item:
    return {**customer(user_id), "item": {"S": PROFILE}}


def login(email_key: str) -> Item:
    return {**_user(f"email#{email_key}"), "item": {"S": LOGIN}}


def address(user_id: UUID, address_id: UUID) -> Item:
    return {**customer(user_id), "item": {"S": f"{ADDRESS}{address_id}"}}


def payment(user_id: UUID, provider: str, token: str) -> Item:
    return {**customer(user_id), "item": {"S": f"{PAYMENT}{provider}#{token}"}}


def reset(token_hash: str) -> Item:
    return {**_user(f"reset#{token_hash}"), "item": {"S": RESET}}


def counter(name: str) -> Item:
    return {**_user(f"limit#{name}"), "item": {"S": COUNTER}}


def outbox() -> Item:
    """The partition of all mails that wait."""
    return _user("outbox")


def mail(item: str) -> Item:
    return {**outbox(), "item": {"S": item}}


def new_mail(at: datetime, unique: str) -> Item:
    """Mails stand in the order of their times."""
    return mail(f"{MAIL}{at.astimezone(UTC).isoformat(timespec='microseconds')}#{unique}")


def _user(partition: str) -> Item:
    return {USERS: {"S": partition}}


# --- the deliveries table


def delivery(order_id: UUID) -> Item:
    """The partition of an order's shipment and the steps of its parcel."""
    return {DELIVERIES: {"S": str(order_id)}}


def shipment(order_id: UUID) -> Item:
    return {**delivery(order_id), "item": {"S": SHIPMENT}}


def tracking(order_id: UUID, at: datetime, event_id: str) -> Item:
    """Steps stand in the order of their times, whatever zone they were told in."""
    return {**delivery(order_id), "item": {"S": f"{TRACKING}{at.astimezone(UTC).isoformat()}#{event_id}"}}


# --- what a key tells


def of(item: Item) -> Item:
    """The key of an item that was read."""
    return {name: item[name] for name in (USERS, DELIVERIES, "item") if name in item}


def sort_key(item: Item) -> str:
    return item["item"]["S"]
