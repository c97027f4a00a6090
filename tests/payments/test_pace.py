"""The worker's calls to Stripe: as often as Stripe allows, and no oftener."""

from __future__ import annotations

import pytest

from storefront.payments.pace import BURST, LIVE, SANDBOX, Pace, pace_for
from storefront.payments.stripe_client import Stripe
from storefront.process import Process


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def calls_within(pace: Pace, clock: Clock, seconds: float) -> int:
    ends, calls = clock.now + seconds, 0
    while clock.now <= ends:
        pace.wait()
        calls += 1
    return calls


@pytest.mark.parametrize("rate", [LIVE, SANDBOX])
def test_in_ten_seconds_go_ten_seconds_of_calls_and_what_was_saved_up(rate: float) -> None:
    clock = Clock()
    assert calls_within(Pace(rate, clock=clock, sleep=clock.sleep), clock, 10) == pytest.approx(
        rate * (10 + BURST), abs=2
    )


def test_a_pause_saves_up_no_more_than_a_burst() -> None:
    clock = Clock()
    pace = Pace(LIVE, clock=clock, sleep=clock.sleep)
    pace.wait()
    clock.sleep(3600)
    assert calls_within(pace, clock, 1) <= LIVE * (1 + BURST) + 2


@pytest.mark.parametrize(
    ("key", "rate"),
    [
        ("sk_live_a", LIVE),
        ("rk_live_a", LIVE),
        ("sk_test_a", SANDBOX),
        ("rk_test_live_", SANDBOX),
        ("", SANDBOX),
    ],
)
def test_the_rate_follows_from_the_key(key: str, rate: float) -> None:
    assert 1 / pace_for(key)._between == pytest.approx(rate)


def test_only_who_asks_for_it_keeps_pace(process: Process, stripe: str) -> None:
    waited: list[int] = []

    class Counted(Pace):
        def wait(self) -> None:
            waited.append(1)

    paced = Stripe(process.settings)
    paced.retrieve("cs_gone")
    assert paced._transport.pace is None
    assert waited == []
    paced.keep_pace()
    assert paced._transport.pace is not None
    paced._transport.pace = Counted(LIVE)
    paced.retrieve("cs_gone")
    assert len(waited) == 2, "each call to Stripe, the second look included"
