"""The circuit breaker by itself, with a clock that the test moves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

import pytest
from prometheus_client import REGISTRY

from storefront.resilience.breaker import FAILURES, PATIENCE, REST, Breaker, State
from tests.support.concurrency import at_once, wait_until


class Fault(Exception):
    """The store failed."""


class Answer(Exception):
    """The store answered with an error of its own."""


class Refused(Exception):
    """What callers hear while it is open."""


class Bench:
    """A breaker, a clock that stands still, and its probes, which run when the test says so."""

    def __init__(self, *, probing: bool = True) -> None:
        self.now = 100.0
        self.started: list[Callable[[], None]] = []
        self.well = False
        self.breaker = Breaker(
            "test",
            Refused,
            lambda error: isinstance(error, Fault),
            probe=self.probe if probing else None,
            clock=lambda: self.now,
            start=self.started.append,
        )

    def probe(self) -> None:
        if not self.well:
            raise Fault

    def state(self) -> State:
        return self.breaker.state

    def ask(self, error: type[Exception] | None = None, seconds: float = 0) -> None:
        with self.breaker.call():
            self.now += seconds
            if error is not None:
                raise error

    def trip(self) -> None:
        for _ in range(FAILURES):
            with pytest.raises(Fault):
                self.ask(Fault)
        assert self.breaker.state is State.OPEN


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_quick_failures_in_a_row_open_it_and_one_success_between_starts_anew(bench: Bench) -> None:
    for _ in range(FAILURES - 1):
        with pytest.raises(Fault):
            bench.ask(Fault)
    bench.ask()
    for _ in range(FAILURES - 1):
        with pytest.raises(Fault):
            bench.ask(Fault)
    assert bench.state() is State.CLOSED
    with pytest.raises(Fault):
        bench.ask(Fault)
    assert bench.state() is State.OPEN


def test_errors_that_are_answers_do_not_open_it(bench: Bench) -> None:
    for _ in range(3 * FAILURES):
        with pytest.raises(Answer):
            bench.ask(Answer)
    assert bench.state() is State.CLOSED


def test_one_failure_that_took_long_opens_it(bench: Bench) -> None:
    with pytest.raises(Fault):
        bench.ask(Fault, seconds=PATIENCE)
    with pytest.raises(Refused):
        bench.ask()


def test_a_slow_answer_is_an_answer(bench: Bench) -> None:
    bench.ask(seconds=PATIENCE - 0.1)
    assert bench.state() is State.CLOSED


def test_a_call_that_has_not_returned_opens_it_for_the_next_one(bench: Bench) -> None:
    with bench.breaker.call():
        bench.now += PATIENCE - 0.1
        bench.ask()
        bench.now += 0.1
        with pytest.raises(Refused):
            bench.ask()


def test_a_call_may_be_given_more_patience(bench: Bench) -> None:
    with bench.breaker.call(patience=3):
        bench.now += 2.5
        bench.ask()


def test_while_open_nobody_waits_for_the_probe_and_there_is_one_at_a_time(bench: Bench) -> None:
    bench.trip()
    for _ in range(10):
        with pytest.raises(Refused):
            bench.ask()
    assert len(bench.started) == 1
    assert bench.state() is State.HALF_OPEN


def test_a_probe_that_is_answered_closes_it(bench: Bench) -> None:
    bench.trip()
    with pytest.raises(Refused):
        bench.ask()
    bench.well = True
    bench.started.pop()()
    assert bench.state() is State.CLOSED
    bench.ask()


def test_a_probe_that_fails_leaves_it_open_and_the_next_one_waits(bench: Bench) -> None:
    bench.trip()
    with pytest.raises(Refused):
        bench.ask()
    bench.started.pop()()
    assert bench.state() is State.OPEN
    bench.now += REST - 0.1
    with pytest.raises(Refused):
        bench.ask()
    assert bench.started == []
    bench.now += 0.1
    with pytest.raises(Refused):
        bench.ask()
    assert len(bench.started) == 1


def test_what_hung_from_before_does_not_open_it_again(bench: Bench) -> None:
    with suppress(Fault), bench.breaker.call():
        bench.now += PATIENCE
        with pytest.raises(Refused):
            bench.ask()
        bench.well = True
        bench.started.pop()()
        bench.ask()
        raise Fault
    assert bench.state() is State.CLOSED


def test_without_a_probe_one_caller_at_a_time_is_it() -> None:
    bench = Bench(probing=False)
    bench.trip()
    with pytest.raises(Refused):
        bench.ask()
    bench.now += REST
    with bench.breaker.call():
        with pytest.raises(Refused):
            bench.ask()
        assert bench.state() is State.HALF_OPEN
    assert bench.state() is State.CLOSED
    bench.trip()
    bench.now += REST
    with pytest.raises(Fault):
        bench.ask(Fault)
    with pytest.raises(Refused):
        bench.ask()
    bench.now += REST
    bench.ask()
    assert bench.state() is State.CLOSED


def test_a_probe_whose_caller_is_ended_has_seen_no_answer() -> None:
    bench = Bench(probing=False)
    bench.trip()
    bench.now += REST
    with pytest.raises(KeyboardInterrupt), bench.breaker.call():
        raise KeyboardInterrupt
    assert bench.state() is State.OPEN


def test_of_many_threads_one_probes_and_all_others_are_refused_at_once() -> None:
    looking, done = threading.Event(), threading.Event()
    probes: list[int] = []

    def probe() -> None:
        probes.append(1)
        looking.set()
        done.wait(10)

    breaker = Breaker("test", Refused, lambda _: True, probe=probe)
    breaker.open()

    def ask() -> None:
        with breaker.call():
            pass

    outcomes = at_once(*[ask] * 16)
    assert outcomes.kinds() == {Refused}
    assert looking.wait(5)
    assert probes == [1]
    done.set()
    wait_until(lambda: breaker.state is State.CLOSED)
    ask()


def test_operators_see_that_it_is_open_and_that_it_is_closed_again() -> None:
    bench = Bench()

    def told() -> float | None:
        return REGISTRY.get_sample_value("storefront_breaker_open", {"store": "test"})

    bench.breaker.open()
    assert told() == 1
    bench.breaker.close()
    assert told() == 0
