"""The first thing an order's page says, for every state, with the day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storefront.domain.orders import OrderStatus
from storefront.domain.parcels import Parcel, ParcelLine, ParcelStatus, Settlement, ShipmentStatus
from storefront.domain.payments import PaymentStatus
from storefront.wording.headline import MESSAGE_MOST, Way, of_order, of_shipment

P, S = ParcelStatus, ShipmentStatus
FRIDAY, MONDAY, TUESDAY = date(2026, 11, 27), date(2026, 11, 30), date(2026, 12, 1)
SUNDAY, THURSDAY = date(2026, 11, 29), date(2026, 12, 3)


def written(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"


def parcel(status: ParcelStatus, on: date = FRIDAY, **more: object) -> Parcel:
    at = datetime(on.year, on.month, on.day, 12, tzinfo=UTC)
    made = Parcel(uuid4(), "UPS", "1Z", (ParcelLine("A", 1),), at, status=status)
    return replace(made, **more)  # type: ignore[arg-type]


def way(status: ShipmentStatus, *parcels: Parcel, **more: object) -> Way:
    made = Way(status, parcels, MONDAY, MONDAY, FRIDAY, UTC, written)
    return replace(made, **more)  # type: ignore[arg-type]


NOBODY = {"message": "Nobody at home.", "on": MONDAY}

TABLE = [
    ("We’re packing your order. Get it Mon 30 Nov", way(S.PREPARING, left=2)),
    ("Packed and about to leave. Get it Mon 30 Nov", way(S.PREPARING, parcel(P.PREPARING))),
    ("On its way to you. Get it Mon 30 Nov", way(S.IN_TRANSIT, parcel(P.IN_TRANSIT))),
    (
        "On its way to you. Get it tomorrow",
        way(S.IN_TRANSIT, parcel(P.IN_TRANSIT), today=date(2026, 11, 29)),
    ),
    ("On its way to you. Get it today", way(S.IN_TRANSIT, parcel(P.IN_TRANSIT), today=MONDAY)),
    (
        "Late: it was promised for Mon 30 Nov and is still on its way",
        way(S.IN_TRANSIT, parcel(P.IN_TRANSIT), today=TUESDAY),
    ),
    ("Out for delivery today", way(S.OUT_FOR_DELIVERY, parcel(P.OUT_FOR_DELIVERY))),
    (
        "Out for delivery since Fri 27 Nov",
        way(S.OUT_FOR_DELIVERY, parcel(P.OUT_FOR_DELIVERY), today=TUESDAY),
    ),
    (
        "One of two parcels is out for delivery today",
        way(S.OUT_FOR_DELIVERY, parcel(P.OUT_FOR_DELIVERY), parcel(P.DELIVERED)),
    ),
    (
        "Delayed: now Thu 3 Dec, it was promised for Mon 30 Nov",
        way(S.DELAYED, parcel(P.IN_TRANSIT), estimated=THURSDAY),
    ),
    (
        "Late: it was promised for Mon 30 Nov and has not left yet",
        way(S.DELAYED, left=1, handed_over=False, today=TUESDAY),
    ),
    (
        "Late: it was promised for Mon 30 Nov and has not left yet",
        way(S.DELAYED, parcel(P.PREPARING), handed_over=False, today=TUESDAY),
    ),
    (
        "Late: it was promised for Mon 30 Nov and not all of it has left yet",
        way(S.DELAYED, parcel(P.DELIVERED), left=1, today=TUESDAY),
    ),
    (
        "Late: it was promised for Mon 30 Nov and is still on its way",
        way(S.DELAYED, parcel(P.IN_TRANSIT), estimated=TUESDAY, today=THURSDAY),
    ),
    (
        "Delayed: it was expected Fri 27 Nov, and is promised for Mon 30 Nov",
        way(S.DELAYED, parcel(P.IN_TRANSIT), estimated=FRIDAY, today=date(2026, 11, 28)),
    ),
    (
        "Two of three parcels delivered",
        way(S.PART_DELIVERED, parcel(P.DELIVERED), parcel(P.DELIVERED), parcel(P.PREPARING)),
    ),
    ("Part of your order is delivered", way(S.PART_DELIVERED, parcel(P.DELIVERED), left=1)),
    (
        "Two of three parcels delivered. Get the rest Mon 30 Nov",
        way(S.IN_TRANSIT, parcel(P.DELIVERED), parcel(P.DELIVERED), parcel(P.IN_TRANSIT)),
    ),
    (
        "Couldn’t be delivered: nobody at home. Next try Tue 1 Dec",
        way(S.EXCEPTION, parcel(P.EXCEPTION, **NOBODY, estimated_delivery=TUESDAY), today=FRIDAY),  # type: ignore[arg-type]
    ),
    (
        "Couldn’t be delivered: nobody at home. Next try tomorrow",
        way(S.EXCEPTION, parcel(P.EXCEPTION, **NOBODY, estimated_delivery=TUESDAY), today=MONDAY),  # type: ignore[arg-type]
    ),
    (
        "Couldn’t be delivered: nobody at home",
        way(S.EXCEPTION, parcel(P.EXCEPTION, **NOBODY, estimated_delivery=MONDAY), today=MONDAY),  # type: ignore[arg-type]
    ),
    ("Couldn’t be delivered", way(S.EXCEPTION, parcel(P.EXCEPTION, message="x" * (MESSAGE_MOST + 1)))),
    ("Couldn’t be delivered: GPS lost", way(S.EXCEPTION, parcel(P.EXCEPTION, message="GPS lost"))),
    (
        "Couldn’t be collected from us: no van came",
        way(S.EXCEPTION, parcel(P.EXCEPTION, message="No van came"), handed_over=False),
    ),
    (
        "Waiting for you at Corner Shop, 4 Mill Lane",
        way(S.AVAILABLE_FOR_PICKUP, parcel(P.AVAILABLE_FOR_PICKUP, place="Corner Shop, 4 Mill Lane")),
    ),
    ("Waiting for you to collect it", way(S.AVAILABLE_FOR_PICKUP, parcel(P.AVAILABLE_FOR_PICKUP))),
    ("On its way back to us", way(S.RETURNED, parcel(P.RETURNED), estimated=THURSDAY)),
    (
        "Two of three parcels are on their way back to us",
        way(S.RETURNED, parcel(P.RETURNED), parcel(P.RETURNED), parcel(P.IN_TRANSIT)),
    ),
    ("Both parcels are on their way back to us", way(S.RETURNED, parcel(P.RETURNED), parcel(P.RETURNED))),
    ("Your parcel got lost on the way", way(S.LOST, parcel(P.LOST))),
    ("One of two parcels got lost on the way", way(S.LOST, parcel(P.LOST), parcel(P.DELIVERED))),
    ("Delivered today", way(S.DELIVERED, parcel(P.DELIVERED))),
    (
        "Delivered Mon 30 Nov",
        way(S.DELIVERED, parcel(P.DELIVERED), parcel(P.DELIVERED, MONDAY), today=TUESDAY),
    ),
    ("Nothing of this order will be sent", way(S.CANCELLED, parcel(P.CANCELLED))),
]


@pytest.mark.parametrize(("words", "told"), TABLE)
def test_the_headline(words: str, told: Way) -> None:
    assert of_shipment(told) == words


def test_every_status_has_its_row() -> None:
    assert {told.status for _, told in TABLE} == set(S)


@pytest.mark.parametrize("status", [S.RETURNED, S.LOST])
def test_what_went_astray_promises_no_day(status: ShipmentStatus) -> None:
    parcels = [parcel(P(status)), parcel(P.IN_TRANSIT)]
    for some in (parcels[:1], parcels):
        assert "Nov" not in of_shipment(way(status, *some))


def test_a_parcel_that_was_withdrawn_or_sent_again_is_not_counted() -> None:
    gone = [parcel(P.CANCELLED), parcel(P.RETURNED, settled=Settlement.SENT_AGAIN)]
    told = way(S.IN_TRANSIT, *gone, parcel(P.DELIVERED), parcel(P.IN_TRANSIT))
    assert of_shipment(told).startswith("One of two parcels delivered")


@given(
    st.sampled_from(S),
    st.lists(st.tuples(st.sampled_from(P), st.integers(-9, 9), st.none() | st.sampled_from(Settlement))),
    st.integers(-9, 9),
    st.integers(-9, 9),
    st.booleans(),
)
def test_whatever_is_told_there_are_words_for_it(
    status: ShipmentStatus,
    parcels: list[tuple[ParcelStatus, int, Settlement | None]],
    today: int,
    estimated: int,
    handed_over: bool,
) -> None:
    """DynamoDB and Aurora are read at different moments: a status may come with parcels that don't fit it."""
    told = [parcel(one, MONDAY + timedelta(days), settled=settled) for one, days, settled in parcels]
    words = of_shipment(
        way(
            status,
            *told,
            today=MONDAY + timedelta(today),
            estimated=MONDAY + timedelta(estimated),
            handed_over=handed_over,
        )
    )
    assert words
    assert "{" not in words
    assert "No of" not in words


# --- orders


@pytest.mark.parametrize(
    ("status", "payment", "held", "checking", "words"),
    [
        ("pending", "pending", True, False, "Held for you, waiting for payment"),
        ("pending", "failed", True, False, "Your last try was declined"),
        ("pending", "pending", True, True, "We’re checking your payment"),
        ("pending", "pending", False, False, "The hold has ended"),
        ("paid", "captured", False, False, "Paid, thank you"),
        ("preparing", "captured", False, False, "We’re packing your order"),
        ("shipped", "captured", False, False, "On its way to you"),
        ("delivered", "captured", False, False, "Delivered"),
        ("expired", "pending", False, False, "The hold ended, nothing was charged"),
        ("cancelled", "pending", False, False, "Cancelled, nothing was charged"),
        ("refunded", "refunding", False, False, "Your money is going back"),
        ("refunded", "refunded", False, False, "Your money is back on its way to your card"),
    ],
)
def test_an_order_without_a_shipment(
    status: str, payment: str, held: bool, checking: bool, words: str
) -> None:
    told = of_order(OrderStatus(status), PaymentStatus(payment), None, held=held, checking=checking)
    assert told == words


def test_money_that_goes_back_is_told_before_any_parcel() -> None:
    moving = way(S.IN_TRANSIT, parcel(P.IN_TRANSIT))
    assert of_order(OrderStatus.REFUNDED, PaymentStatus.REFUNDING, moving) == "Your money is going back"


def test_a_delivered_order_whose_parcel_comes_back_says_so() -> None:
    back = way(S.RETURNED, parcel(P.RETURNED))
    assert of_order(OrderStatus.DELIVERED, PaymentStatus.CAPTURED, back) == "On its way back to us"
