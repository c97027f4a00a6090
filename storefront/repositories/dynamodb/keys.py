"""Keys of the users table's item collections (DESIGN section 2)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

PROFILE = "profile"
LOGIN = "login"
ADDRESS = "address#"
PAYMENT = "payment#"
RESET = "reset"
COUNTER = "window"


def key(partition: str, item: str) -> dict[str, Any]:
    return {"user_id": {"S": partition}, "item": {"S": item}}


def profile(user_id: UUID) -> dict[str, Any]:
    return key(str(user_id), PROFILE)


def login(email_key: str) -> dict[str, Any]:
    return key(f"email#{email_key}", LOGIN)


def address(user_id: UUID, address_id: UUID) -> dict[str, Any]:
    return key(str(user_id), f"{ADDRESS}{address_id}")


def payment(user_id: UUID, provider: str, token: str) -> dict[str, Any]:
    return key(str(user_id), f"{PAYMENT}{provider}#{token}")


def reset(token_hash: str) -> dict[str, Any]:
    return key(f"reset#{token_hash}", RESET)


def counter(name: str) -> dict[str, Any]:
    return key(f"limit#{name}", COUNTER)
