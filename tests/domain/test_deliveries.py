"""Which of a carrier's reports count, and when a parcel should arrive."""

from __future__ import annotations

from datetime import date

import pytest

from storefront.domain.deliveries import CARRIER_STATUSES, ShipmentStatus, estimate, moves_forward

S = ShipmentStatus


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [
        (S.PREPARING, S.IN_TRANSIT, True),
        (S.PREPARING, S.DELIVERED, True),
        (S.IN_TRANSIT, S.IN_TRANSIT, True),
        (S.OUT_FOR_DELIVERY, S.IN_TRANSIT, False),
        (S.IN_TRANSIT, S.EXCEPTION, True),
        (S.EXCEPTION, S.IN_TRANSIT, True),
        (S.EXCEPTION, S.EXCEPTION, False),
        (S.IN_TRANSIT, S.RETURNED, True),
        (S.DELIVERED, S.RETURNED, True),
        (S.DELIVERED, S.EXCEPTION, False),
        (S.DELIVERED, S.IN_TRANSIT, False),
        (S.RETURNED, S.DELIVERED, False),
    ],
)
def test_a_report_in_time_counts_unless_it_goes_back(
    before: ShipmentStatus, after: ShipmentStatus, counts: bool
) -> None:
    assert moves_forward(before, after) is counts


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [
        (S.IN_TRANSIT, S.DELIVERED, True),
        (S.IN_TRANSIT, S.IN_TRANSIT, False),
        (S.IN_TRANSIT, S.EXCEPTION, False),
        (S.EXCEPTION, S.IN_TRANSIT, False),
        (S.EXCEPTION, S.DELIVERED, True),
    ],
)
def test_a_late_report_counts_only_if_it_is_further_on(
    before: ShipmentStatus, after: ShipmentStatus, counts: bool
) -> None:
    assert moves_forward(before, after, late=True) is counts


@pytest.mark.parametrize("after", sorted(CARRIER_STATUSES))
def test_nothing_moves_a_cancelled_shipment(after: ShipmentStatus) -> None:
    assert not moves_forward(S.CANCELLED, after)


@pytest.mark.parametrize(
    ("paid", "arrives"),
    [
        (date(2026, 3, 2), date(2026, 3, 5)),  # Monday to Thursday
        (date(2026, 3, 5), date(2026, 3, 10)),  # Thursday, over a weekend
        (date(2026, 3, 7), date(2026, 3, 11)),  # a Saturday begins on Monday
        (date(2026, 3, 8), date(2026, 3, 11)),
    ],
)
def test_a_parcel_takes_three_working_days(paid: date, arrives: date) -> None:
    assert estimate(paid) == arrives
