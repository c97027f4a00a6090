"""Which of a carrier's reports count, whatever their order, and what an order's parcels say together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storefront.domain.packing import Packing
from storefront.domain.parcels import (
    CARRIER_STATUSES,
    Ordered,
    Parcel,
    ParcelLine,
    ParcelStatus,
    Report,
    Settlement,
    ShipmentStatus,
    carrier_key,
    code_key,
)

P, S = ParcelStatus, ShipmentStatus
PROGRESS = {
    P.PREPARING: 0,
    P.IN_TRANSIT: 1,
    P.OUT_FOR_DELIVERY: 2,
    P.AVAILABLE_FOR_PICKUP: 3,
    P.DELIVERED: 4,
    P.RETURNED: 5,
}
"""How far along a parcel is; exceptions and losses come and go beside it."""

MONDAY = datetime(2026, 3, 2, 8, tzinfo=UTC)
PROMISED = date(2026, 3, 5)
A_PARCEL = Parcel(
    parcel_id=UUID(int=1), carrier="DHL", tracking_code="X 1", lines=(ParcelLine("A", 2),), at=MONDAY
)


def report(status: ParcelStatus, hours: float = 1, event_id: str = "", **more: object) -> Report:
    return Report(event_id or f"{status}@{hours}", status, MONDAY + timedelta(hours=hours), **more)  # type: ignore[arg-type]


def told(*reports: Report, of: Parcel = A_PARCEL, zone: ZoneInfo | None = None) -> Parcel:
    for one in reports:
        of = of.reported(one, zone or ZoneInfo("UTC"))
    return of


def follows(before: Report | None, after: Report, zone: tzinfo) -> bool:
    """Whether a report counts that happened after the last one that did.

    It does if it is further on, or if what it follows may be taken back: an exception, a loss, or an attempt
    to deliver on an earlier day (by the calendar of ``zone``, the shop's).
    """
    if before is None or before.status in (P.EXCEPTION, P.LOST):
        return True
    if before.status in (P.DELIVERED, P.RETURNED):
        return before.status is P.DELIVERED and after.status is P.RETURNED
    if after.status in (P.EXCEPTION, P.LOST):
        return True
    if (
        before.status is P.OUT_FOR_DELIVERY
        and before.at.astimezone(zone).date() < after.at.astimezone(zone).date()
    ):
        return True
    return PROGRESS[after.status] >= PROGRESS[before.status]


def one_by_one(reports: Sequence[Report]) -> Report | None:
    """The rule as DESIGN words it: in the order of their times, each counts that follows the last."""
    last: Report | None = None
    for one in sorted(reports, key=lambda r: r.when):
        if follows(last, one, UTC):
            last = one
    return last


def some_reports() -> st.SearchStrategy[list[Report]]:
    # Few moments, so that reports of the same one and of the same day are common.
    return st.lists(
        st.builds(
            report,
            st.sampled_from(sorted(CARRIER_STATUSES)),
            hours=st.sampled_from([1, 2, 3, 20, 25, 26, 50]),
            event_id=st.sampled_from("abcdefghij"),
            estimated_delivery=st.sampled_from([None, PROMISED, PROMISED + timedelta(days=2)]),
        ),
        unique_by=lambda r: r.event_id,
        max_size=8,
    )


@given(some_reports())
def test_what_is_kept_tells_the_same_as_all_reports_in_the_order_of_their_times(
    reports: list[Report],
) -> None:
    parcel, last = told(*reports), one_by_one(reports)
    assert parcel.status is (last.status if last else P.PREPARING)
    assert parcel.at == (last.at if last else MONDAY)


@given(st.data())
def test_the_same_reports_in_any_order_and_repeated_leave_the_same_parcel(data: st.DataObject) -> None:
    reports = data.draw(some_reports())
    shuffled = data.draw(st.permutations(reports))
    again = data.draw(st.lists(st.sampled_from(reports or [report(P.LOST)]), max_size=5)) if reports else []
    assert told(*shuffled, *again) == told(*reports)


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [
        (P.IN_TRANSIT, P.IN_TRANSIT, True),
        (P.OUT_FOR_DELIVERY, P.IN_TRANSIT, False),
        (P.OUT_FOR_DELIVERY, P.AVAILABLE_FOR_PICKUP, True),
        (P.AVAILABLE_FOR_PICKUP, P.OUT_FOR_DELIVERY, False),
        (P.IN_TRANSIT, P.EXCEPTION, True),
        (P.EXCEPTION, P.IN_TRANSIT, True),
        (P.EXCEPTION, P.EXCEPTION, True),
        (P.LOST, P.IN_TRANSIT, True),
        (P.IN_TRANSIT, P.LOST, True),
        (P.IN_TRANSIT, P.RETURNED, True),
        (P.DELIVERED, P.RETURNED, True),
        (P.DELIVERED, P.DELIVERED, False),
        (P.DELIVERED, P.EXCEPTION, False),
        (P.DELIVERED, P.LOST, False),
        (P.RETURNED, P.DELIVERED, False),
    ],
)
def test_a_later_report_counts_unless_it_goes_back(
    before: ParcelStatus, after: ParcelStatus, counts: bool
) -> None:
    assert follows(report(before, 1), report(after, 2), UTC) is counts


def test_out_for_delivery_of_an_earlier_day_may_be_taken_back() -> None:
    evening, next_morning = report(P.OUT_FOR_DELIVERY, 14), report(P.IN_TRANSIT, 18)
    assert told(evening, next_morning).status is P.IN_TRANSIT
    # In New York it is still the same day.
    assert told(evening, next_morning, zone=ZoneInfo("America/New_York")).status is P.OUT_FOR_DELIVERY


def test_a_failed_pick_up_hands_nothing_over() -> None:
    assert not told(report(P.EXCEPTION)).handed_over
    assert told(report(P.EXCEPTION, 2), report(P.IN_TRANSIT, 1)).handed_over


def test_the_estimate_is_the_latest_told_and_not_the_last_that_came() -> None:
    early = report(P.IN_TRANSIT, 1, estimated_delivery=date(2026, 3, 4))
    late = report(P.OUT_FOR_DELIVERY, 2, estimated_delivery=date(2026, 3, 6))
    silent = report(P.DELIVERED, 3)
    assert told(late, silent, early).estimated_delivery == date(2026, 3, 6)


def test_ten_thousand_reports_leave_a_small_parcel() -> None:
    parcel = A_PARCEL
    for n in range(10_000):
        parcel = told(report(P.IN_TRANSIT, n / 100, event_id=str(n)), of=parcel)
    assert len(parcel.reports) == 1


@pytest.mark.parametrize("settled", Settlement)
def test_a_settled_parcel_stays_as_it_is(settled: Settlement) -> None:

    lost = replace(told(report(P.LOST)), settled=settled)
    assert told(report(P.DELIVERED, 9), of=lost) == lost


def test_codes_and_carriers_compare_without_case_and_codes_without_spaces() -> None:
    assert code_key(" jd01 4600 0012\t34") == code_key("JD014600001234")
    assert carrier_key("DHL ") == carrier_key("dhl")
    assert carrier_key("Royal Mail") != carrier_key("RoyalMail")


# --- an order's parcels together


def parcel(status: ParcelStatus, sku: str = "A", qty: int = 1, **more: object) -> Parcel:
    base = Parcel(uuid4(), "DHL", uuid4().hex, (ParcelLine(sku, qty),), MONDAY)

    return replace(told(report(status), of=base) if status in CARRIER_STATUSES else base, **more)  # type: ignore[arg-type]


def packing(*parcels: Parcel, qty: int | None = None, refunded: int = 0) -> Packing:
    ordered = qty if qty is not None else sum(line.qty for p in parcels for line in p.lines)
    return Packing((Ordered("A", ordered, refunded),), parcels)


@pytest.mark.parametrize(
    ("statuses", "together"),
    [
        ([], S.PREPARING),
        ([P.PREPARING], S.PREPARING),
        ([P.IN_TRANSIT, P.PREPARING], S.IN_TRANSIT),
        ([P.IN_TRANSIT, P.OUT_FOR_DELIVERY], S.OUT_FOR_DELIVERY),
        ([P.AVAILABLE_FOR_PICKUP, P.OUT_FOR_DELIVERY], S.AVAILABLE_FOR_PICKUP),
        ([P.EXCEPTION, P.AVAILABLE_FOR_PICKUP], S.EXCEPTION),
        ([P.LOST, P.EXCEPTION], S.LOST),
        ([P.LOST, P.RETURNED], S.RETURNED),
        ([P.DELIVERED, P.IN_TRANSIT], S.IN_TRANSIT),
        ([P.DELIVERED, P.PREPARING], S.PART_DELIVERED),
        ([P.DELIVERED, P.DELIVERED], S.DELIVERED),
    ],
)
def test_the_shipment_says_what_a_shopper_must_know_first(
    statuses: list[ParcelStatus], together: ShipmentStatus
) -> None:
    all_of_it = packing(*map(parcel, statuses), qty=max(1, len(statuses)))
    assert all_of_it.status(PROMISED, MONDAY.date()) is together


@pytest.mark.parametrize(
    ("status", "estimate", "today", "together"),
    [
        (P.IN_TRANSIT, None, PROMISED, S.IN_TRANSIT),
        (P.IN_TRANSIT, None, PROMISED + timedelta(1), S.DELAYED),
        (P.PREPARING, None, PROMISED + timedelta(1), S.DELAYED),
        (P.IN_TRANSIT, PROMISED + timedelta(1), MONDAY.date(), S.DELAYED),
        (P.IN_TRANSIT, PROMISED - timedelta(1), PROMISED, S.DELAYED),
        (P.OUT_FOR_DELIVERY, None, PROMISED + timedelta(1), S.OUT_FOR_DELIVERY),
        (P.DELIVERED, None, PROMISED + timedelta(9), S.DELIVERED),
    ],
)
def test_it_is_delayed_once_the_day_is_over_or_known_to_be_missed(
    status: ParcelStatus, estimate: date | None, today: date, together: ShipmentStatus
) -> None:
    assert packing(parcel(status, estimated_delivery=estimate)).status(PROMISED, today) is together


def test_units_in_no_parcel_are_late_too_and_keep_the_order_from_being_delivered() -> None:
    half = packing(parcel(P.DELIVERED), qty=2)
    assert not half.delivered
    assert half.left == (ParcelLine("A", 1),)
    assert half.status(PROMISED, PROMISED) is S.PART_DELIVERED
    assert half.status(PROMISED, PROMISED + timedelta(1)) is S.DELAYED


def test_what_is_refunded_is_not_waited_for() -> None:
    assert packing(parcel(P.DELIVERED), qty=2, refunded=1).delivered
    assert not packing(qty=1, refunded=1).delivered, "nothing was delivered at all"
    assert packing(qty=1, refunded=1).status(PROMISED, PROMISED) is S.CANCELLED


def test_a_lost_parcels_units_may_be_sent_again_and_then_settle_it() -> None:
    lost = parcel(P.LOST, qty=2)
    alone = packing(lost, qty=2)
    assert alone.left == (ParcelLine("A", 2),)
    assert alone.settled(Settlement.SENT_AGAIN) == alone
    part = packing(lost, parcel(P.PREPARING, qty=1), qty=2)
    assert part.settled(Settlement.SENT_AGAIN).parcels[0].open
    again = packing(lost, parcel(P.PREPARING, qty=2), qty=2).settled(Settlement.SENT_AGAIN)
    assert again.parcels[0].settled is Settlement.SENT_AGAIN
    assert again.left == ()
    assert again.status(PROMISED, MONDAY.date()) is S.PREPARING


def test_of_two_returned_parcels_the_older_is_sent_again_first() -> None:
    both = packing(parcel(P.RETURNED), parcel(P.RETURNED), parcel(P.PREPARING), qty=2)
    assert [p.settled for p in both.settled(Settlement.SENT_AGAIN).parcels] == [
        Settlement.SENT_AGAIN,
        None,
        None,
    ]


def test_a_closed_parcel_is_not_sent_again_and_completes_the_order() -> None:
    closed = packing(parcel(P.LOST, settled=Settlement.CLOSED), parcel(P.DELIVERED), qty=2)
    assert closed.left == ()
    assert closed.delivered
    nothing = packing(parcel(P.LOST, settled=Settlement.CLOSED))
    assert not nothing.delivered
    assert nothing.status(PROMISED, PROMISED) is S.LOST


def test_the_day_of_all_is_the_latest_of_the_parcels() -> None:
    soon, later = PROMISED - timedelta(1), PROMISED + timedelta(3)
    both = packing(
        parcel(P.DELIVERED, estimated_delivery=soon), parcel(P.IN_TRANSIT, estimated_delivery=later)
    )
    assert both.estimated(PROMISED) == later
    assert packing(parcel(P.IN_TRANSIT, estimated_delivery=soon)).estimated(PROMISED) == soon
    assert packing(parcel(P.IN_TRANSIT, estimated_delivery=soon), qty=2).estimated(PROMISED) == PROMISED


def test_after_every_day_it_looked_ahead_to_something_changes_and_after_no_other() -> None:
    """The worker looks again on these days alone, so nothing may turn late or overdue on another."""
    for estimate in (None, PROMISED - timedelta(2), PROMISED + timedelta(2)):
        order = packing(parcel(P.IN_TRANSIT, estimated_delivery=estimate), qty=2)
        for days in range(30):
            today = MONDAY.date() + timedelta(days)
            now = (order.late(PROMISED, today), [p.overdue(PROMISED, today) for p in order.parcels])
            tomorrow = today + timedelta(1)
            then = (order.late(PROMISED, tomorrow), [p.overdue(PROMISED, tomorrow) for p in order.parcels])
            if now != then:
                assert order.look_again(PROMISED, today) == today
