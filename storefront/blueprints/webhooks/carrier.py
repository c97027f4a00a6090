"""Reads what a carrier or a warehouse posts: Standard Webhooks, https://www.standardwebhooks.com."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from standardwebhooks.webhooks import Webhook

from storefront.domain.cart import MAX_LINES, MAX_QTY
from storefront.domain.errors import BadSignature, Malformed
from storefront.domain.ids import OrderNumber, read_order_number, sku_problem
from storefront.domain.parcels import CARRIER_STATUSES, CarrierEvent, ParcelLine, ParcelStatus, Report
from storefront.services.parcels import Booking

_UNREADABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TEXT, _LONG_TEXT, _CODE = 200, 500, 64


@dataclass(frozen=True)
class ParcelBooked:
    """What a warehouse has packed; ``number`` is None if it can be no order's."""

    number: OrderNumber | None
    booking: Booking


def read_carrier_event(
    secret: str, body: bytes, headers: Mapping[str, str]
) -> CarrierEvent | ParcelBooked | None:
    """What a signed post tells, its headers' names in lower case; None for types of no concern here.

    Raises:
        BadSignature: not signed by the carrier within the last five minutes, or no JSON at all.
        Malformed: signed, but not of the shape agreed on.
    """
    try:
        told: object = Webhook(secret).verify(body, dict(headers))
    except Exception as error:
        # The library also lets ValueError and others out, on odd headers and bytes.
        raise BadSignature("This is not signed by our carrier") from error
    if not isinstance(told, dict) or told.get("type") not in ("tracking.updated", "parcel.booked"):
        return None
    data = told.get("data")
    if not isinstance(data, dict):
        raise Malformed("data is missing")
    if told["type"] == "parcel.booked":
        return _booking(data)
    event_id = headers["webhook-id"]
    if not re.fullmatch(r"[\x21-\x7e]{1,200}", event_id):
        raise Malformed("webhook-id is no id")
    return _event(event_id, data)


def _event(event_id: str, data: Mapping[str, object]) -> CarrierEvent:
    status = data.get("status")
    if not isinstance(status, str) or status not in CARRIER_STATUSES:
        raise Malformed(f"status must be one of {', '.join(sorted(CARRIER_STATUSES))}")
    return CarrierEvent(
        tracking_code=_name(data, "tracking_code", _CODE),
        report=Report(
            event_id=event_id,
            status=ParcelStatus(status),
            at=_moment(data.get("timestamp")),
            place=_text(data, "place", _TEXT),
            message=_text(data, "message", _LONG_TEXT),
            estimated_delivery=_day(data.get("estimated_delivery")),
        ),
        carrier=_text(data, "carrier", _CODE).strip(),
    )


def _booking(data: Mapping[str, object]) -> ParcelBooked:
    booking = Booking(
        carrier=_name(data, "carrier", _CODE),
        tracking_code=_name(data, "tracking_code", _CODE),
        lines=_lines(data.get("lines")),
        estimated_delivery=_day(data.get("estimated_delivery")),
    )
    return ParcelBooked(read_order_number(_name(data, "order_number", _CODE)), booking)


def _lines(value: object) -> tuple[ParcelLine, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_LINES:
        raise Malformed(f"lines must be a list of 1 to {MAX_LINES}, or left out for all that is left")
    return tuple(map(_line, value))


def _line(value: object) -> ParcelLine:
    sku, quantity = (value.get("sku"), value.get("quantity")) if isinstance(value, dict) else (None, None)
    if not isinstance(sku, str) or sku_problem(sku):
        raise Malformed("each of lines needs a sku")
    # True is an int, too.
    if type(quantity) is not int or not 1 <= quantity <= MAX_QTY:
        raise Malformed(f"each of lines needs a quantity from 1 to {MAX_QTY}")
    return ParcelLine(sku, quantity)


def _name(data: Mapping[str, object], name: str, most: int) -> str:
    value = _text(data, name, most).strip()
    if not value:
        raise Malformed(f"{name} is missing")
    return value


def _text(data: Mapping[str, object], name: str, most: int) -> str:
    value = data.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > most or _UNREADABLE.search(value):
        raise Malformed(f"{name} must be text of at most {most} characters")
    return value


def _day(value: object) -> date | None:
    if value is None:
        return None
    try:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            raise ValueError
        day = date.fromisoformat(value)
    except ValueError:
        raise Malformed("estimated_delivery must be a date, such as 2026-11-30") from None
    if not 2000 <= day.year <= datetime.now(UTC).year + 2:
        raise Malformed("estimated_delivery is out of range")
    return day


def _moment(value: object) -> datetime:
    """Times without a zone are UTC."""
    try:
        at = datetime.fromisoformat(value if isinstance(value, str) else "")
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Malformed("timestamp must be an ISO 8601 time") from None
    if at.year < 2000 or at > datetime.now(UTC) + timedelta(days=1):
        raise Malformed("timestamp is out of range")
    return at
