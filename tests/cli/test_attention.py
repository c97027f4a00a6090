"""What operators see of the list, and how they take something off it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from storefront.domain.attention import AttentionKind
from storefront.services import attention
from storefront.stores import Stores
from tests.cli.conftest import Operator
from tests.support.factories import order


def test_an_empty_list_is_an_empty_array(operator: Operator) -> None:
    typed = operator("attention", "--json")
    assert (typed.status, json.loads(typed.out)) == (0, [])
    assert operator("attention").out == "Nothing needs a person.\n"


def test_the_list_names_kind_order_parcel_and_what_to_do(operator: Operator, stores: Stores) -> None:
    order_id = order(stores)
    with stores.transaction():
        attention.raise_(stores, AttentionKind.PARCEL_LOST, "parcel-7", order_id, code="00340 43")
        attention.raise_(stores, AttentionKind.CARRIER_EVENT_UNBOOKED, "dhl 12", code="12")
    typed = operator("attention", "--json")
    lost, unbooked = json.loads(typed.out)
    assert typed.status == 0
    number = stores.orders.summary(order_id).number
    assert (lost["kind"], lost["order_id"], lost["number"], lost["code"]) == (
        "parcel_lost",
        str(order_id),
        number,
        "00340 43",
    )
    assert lost["text"] == AttentionKind.PARCEL_LOST.words
    assert datetime.fromisoformat(lost["since"]).utcoffset() == timedelta(0)
    assert (unbooked["order_id"], unbooked["number"], unbooked["code"]) == (None, None, "12")
    lines = operator("attention").out
    assert f"parcel_lost  {number}  parcel 00340 43" in lines


def test_done_takes_one_off_the_list_and_refuses_what_never_was_on_it(
    operator: Operator, stores: Stores
) -> None:
    with stores.transaction():
        attention.raise_(stores, AttentionKind.DISPUTE, "du_1")
        attention.raise_(stores, AttentionKind.DISPUTE, "du_2")
    first, second = json.loads(operator("attention", "--json").out)
    assert operator("attention", "done", str(first["id"])).status == 0
    assert operator("attention", "done", str(first["id"])).status == 0
    assert [one["id"] for one in json.loads(operator("attention", "--json").out)] == [second["id"]]
    typed = operator("attention", "done", "999999")
    assert typed.status == 1
    assert "999999" in typed.err
    assert operator("attention", "done", "x").status == 2
