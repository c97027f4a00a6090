"""Order events: the timeline, and the memory of which messages had their effect."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import exc

from storefront.domain.orders import EventKind
from storefront.process import Process
from storefront.stores import Stores
from tests.support.factories import order, shopper


@pytest.fixture
def order_id(stores: Stores) -> UUID:
    return order(stores)


def test_11_an_event_is_written_once(stores: Stores, order_id: UUID) -> None:
    with stores.transaction():
        assert stores.events.record(order_id, EventKind.FLAGGED, {"a": 1}, event_id="x") is True
        assert stores.events.record(order_id, EventKind.FLAGGED, {"a": 2}, event_id="x") is False
    (event,) = [one for one in stores.events.of(order_id) if one.event_id == "x"]
    assert event.data == {"a": 1}


def test_a_step_that_happens_once_is_named_by_its_kind(stores: Stores, order_id: UUID) -> None:
    with stores.transaction():
        assert stores.events.record(order_id, EventKind.EXTENDED)
    with stores.transaction():
        assert not stores.events.record(order_id, EventKind.EXTENDED)
    assert stores.events.happened(order_id, EventKind.EXTENDED)
    assert not stores.events.happened(order_id, EventKind.EXPIRED)


def test_the_same_id_on_another_order_is_another_event(stores: Stores, order_id: UUID) -> None:
    other = order(stores)
    with stores.transaction():
        assert stores.events.record(order_id, EventKind.FLAGGED, event_id="x")
        assert stores.events.record(other, EventKind.FLAGGED, event_id="x")


def test_events_come_in_the_order_in_which_they_happened(stores: Stores, order_id: UUID) -> None:
    now = datetime.now(UTC)
    with stores.transaction():
        for name, minutes in (("c", 3), ("a", 1), ("b", 2)):
            stores.events.record(
                order_id, EventKind.FLAGGED, event_id=name, at=now + timedelta(minutes=minutes)
            )
    assert [one.event_id for one in stores.events.of(order_id)][1:] == ["a", "b", "c"]


def test_what_is_rolled_back_never_happened(stores: Stores, order_id: UUID) -> None:
    with suppress(KeyError), stores.transaction():
        stores.events.record(order_id, EventKind.FLAGGED, event_id="x")
        raise KeyError
    with stores.transaction():
        assert stores.events.record(order_id, EventKind.FLAGGED, event_id="x")


def test_an_event_of_no_order_is_refused(stores: Stores, process: Process) -> None:
    with pytest.raises(exc.IntegrityError), stores.transaction():
        stores.events.record(shopper(), EventKind.FLAGGED)
