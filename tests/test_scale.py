"""What docs/scale.md says follows from what was measured, and the simulated sale keeps to its own rules."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench import scale
from bench.flash_sale import PATIENCE, Sale, Shop

GUIDE = (Path(__file__).parents[1] / "docs" / "scale.md").read_text()
SMALL = Sale(
    visitors=10_000, units=100, vcpus=8, step={"cart": 0.02, "checkout": 0.01, "place": 0.03}, row=0.005
)


def test_the_tables_are_those_of_the_measurement() -> None:
    assert scale.tables(scale.measured()) in GUIDE


@pytest.mark.parametrize("name", sorted(scale.measured().keys() - {"locked", "locks"}))
def test_whatever_was_measured_counts_for_something(name: str) -> None:
    one = scale.measured()
    dearer = one | {name: 2 * one[name] + 1}
    assert scale.tables(dearer) != scale.tables(one)


def test_ten_times_the_orders_need_ten_times_as_much() -> None:
    few, many = (scale.needs(scale.measured(), orders) for orders in (1_000, 10_000))
    for what, number in few.items():
        assert number * 9 <= many[what] <= max(number * 10, 10), what


def test_a_sale_of_the_same_seed_goes_the_same_way_and_one_of_another_differently() -> None:
    one, again, other = (Shop(each).run() for each in (SMALL, SMALL, replace(SMALL, seed=2)))
    assert one.sold_out_at == again.sold_out_at
    assert one.web.waits == again.web.waits
    assert one.sold_out_at != other.sold_out_at


def test_exactly_what_there_is_is_held_and_everybody_is_told_something() -> None:
    shop = Shop(SMALL).run()
    assert shop.held == SMALL.units
    told = shop.held + shop.told_sold_out + shop.saw_sold_out + shop.gave_up
    assert told == SMALL.visitors * SMALL.wanting


def test_a_sale_without_enough_visitors_does_not_sell_out() -> None:
    shop = Shop(replace(SMALL, visitors=200)).run()
    assert shop.sold_out_at is None
    assert shop.held == 60


def test_nobody_waits_for_longer_than_a_request_may_take() -> None:
    slow = {name: 20 * seconds for name, seconds in SMALL.step.items()}
    shop = Shop(replace(SMALL, vcpus=1, step=slow)).run()
    assert max(shop.web.waits) <= PATIENCE
    assert shop.web.turned_away > 0


def test_units_go_no_faster_than_the_row_lets_them() -> None:
    slow = Shop(replace(SMALL, vcpus=1_000, row=0.5)).run()
    assert slow.sold_out_at is not None
    assert slow.sold_out_at >= SMALL.units * 0.5
    quick = Shop(replace(SMALL, vcpus=1_000, row=0.001)).run()
    assert quick.sold_out_at is not None
    assert quick.sold_out_at < slow.sold_out_at


def test_twice_the_processes_wait_less() -> None:
    few, many = (Shop(replace(SMALL, vcpus=vcpus)).run() for vcpus in (1, 4))
    assert sum(many.web.waits) / len(many.web.waits) < sum(few.web.waits) / len(few.web.waits)
