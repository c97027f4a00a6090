"""What a mail about one parcel says, by the same words as the order's page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from storefront.domain.carriers import tracking_page
from storefront.domain.parcels import Parcel, ParcelStatus
from storefront.wording.headline import Way
from storefront.wording.statuses import PARCELS


class Content(NamedTuple):
    name: str
    qty: int


@dataclass(frozen=True)
class ParcelNews:
    """``fact`` is the one thing to remember, after its ``label``; there may be none. ``message`` is the
    carrier's own. ``page`` is the carrier's, nothing where it is not known."""

    status: ParcelStatus
    subject: str
    title: str
    lead: str
    label: str
    fact: str
    message: str
    carrier: str
    code: str
    page: str
    contents: tuple[Content, ...]


def parcel_news(number: str, parcel: Parcel, way: Way, names: Mapping[str, str]) -> ParcelNews:
    """News of a parcel of order ``number``, as it was told: it may have gone on since.

    ``names`` are the products' by their SKUs.
    """
    status = parcel.status
    words = PARCELS[status]
    whole, title = _which(parcel, way)
    label, fact = _fact(parcel, way)
    return ParcelNews(
        status=status,
        subject=f"{whole} {number} {words.happened}",
        title=f"{title} {words.happened}",
        lead=_LEADS[status].format(carrier=parcel.carrier),
        label=label,
        fact=fact,
        message=parcel.message if parcel.message != words.short else "",
        carrier=parcel.carrier,
        code=parcel.tracking_code,
        page=tracking_page(parcel.carrier, parcel.tracking_code),
        contents=tuple(Content(names.get(line.sku, line.sku), line.qty) for line in parcel.lines),
    )


_SORTED_OUT = "Our team has been told, and will send it again or give your money back. Your order says which."
_LEADS = {
    ParcelStatus.PREPARING: "{carrier} collects it next.",
    ParcelStatus.IN_TRANSIT: "{carrier} has it now.",
    ParcelStatus.OUT_FOR_DELIVERY: "{carrier} has it on the last stretch to you.",
    ParcelStatus.AVAILABLE_FOR_PICKUP: "{carrier} keeps it for you. Take the tracking code along.",
    ParcelStatus.DELIVERED: "We hope everything is as you wished.",
    ParcelStatus.EXCEPTION: "{carrier} could not hand it over.",
    ParcelStatus.RETURNED: _SORTED_OUT,
    ParcelStatus.LOST: f"We’re sorry. {_SORTED_OUT}",
}


def _which(parcel: Parcel, way: Way) -> tuple[str, str]:
    """What a subject and a title call it: the whole order, if it holds all of it."""
    going = [one.parcel_id for one in way.going]
    if len(going) > 1 and parcel.parcel_id in going:
        place = f"Parcel {going.index(parcel.parcel_id) + 1} of {len(going)}"
        return f"{place} of your order", place
    return ("Part of your order" if way.left else "Your order"), "Your parcel"


def _fact(parcel: Parcel, way: Way) -> tuple[str, str]:
    day, told_on = parcel.estimated_delivery, way.on(parcel)
    match parcel.status:
        case ParcelStatus.AVAILABLE_FOR_PICKUP:
            return "Where", parcel.place
        case ParcelStatus.EXCEPTION:
            return "Next try", way.day(day) if day and day > told_on and day >= way.today else ""
        case ParcelStatus.DELIVERED:
            return parcel.place or "Delivered", way.day(told_on)
        case ParcelStatus.OUT_FOR_DELIVERY:
            return "Get it", way.day(told_on)
        case ParcelStatus.PREPARING | ParcelStatus.IN_TRANSIT:
            day = day or way.promised_on
            return "Get it", way.day(day) if day >= way.today else ""
    return "", ""
