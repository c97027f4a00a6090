"""Reads what a carrier posts: Standard Webhooks, https://www.standardwebhooks.com."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from standardwebhooks.webhooks import Webhook

from storefront.domain.deliveries import CARRIER_STATUSES, CarrierEvent, ShipmentStatus
from storefront.domain.errors import BadSignature, Invalid

_UNREADABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


def read_carrier_event(secret: str, body: bytes, headers: Mapping[str, str]) -> CarrierEvent | None:
    """The event of a signed post, its headers' names in lower case; None for types of no concern here.

    Raises:
        BadSignature: not signed by the carrier within the last five minutes, or no JSON at all.
        Invalid: signed, but not of the shape agreed on.
    """
    try:
        told: Any = Webhook(secret).verify(body, dict(headers))
    except Exception as error:
        # The library also lets ValueError and others out, on odd headers and bytes.
        raise BadSignature("This is not signed by our carrier") from error
    if not isinstance(told, dict) or told.get("type") != "tracking.updated":
        return None
    return _event(headers["webhook-id"], told.get("data"))


def _event(event_id: str, data: Any) -> CarrierEvent:
    if not isinstance(data, dict):
        raise Invalid("data is missing")
    if not re.fullmatch(r"[\x21-\x7e]{1,200}", event_id):
        raise Invalid("webhook-id is no id")
    status = data.get("status")
    if not isinstance(status, str) or status not in CARRIER_STATUSES:
        raise Invalid(f"status must be one of {', '.join(sorted(CARRIER_STATUSES))}")
    return CarrierEvent(
        event_id=event_id,
        tracking_code=_text(data, "tracking_code", 64),
        status=ShipmentStatus(status),
        timestamp=_moment(data.get("timestamp")),
        place=_text(data, "place", 200, optional=True),
        message=_text(data, "message", 500, optional=True),
    )


def _text(data: dict[str, Any], name: str, most: int, *, optional: bool = False) -> str:
    value = data.get(name)
    if value is None and optional:
        return ""
    if not isinstance(value, str) or len(value) > most or _UNREADABLE.search(value):
        raise Invalid(f"{name} must be text of at most {most} characters")
    return value


def _moment(value: Any) -> datetime:
    try:
        at = datetime.fromisoformat(value)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise Invalid("timestamp must be an ISO 8601 time") from None
    if at.year < 2000 or at > datetime.now(UTC) + timedelta(days=1):
        raise Invalid("timestamp is out of range")
    return at
