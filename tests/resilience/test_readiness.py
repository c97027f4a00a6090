"""Readiness from what the background saw, with probes and a clock of the tests."""

from __future__ import annotations

import json
import threading
import time

from storefront.resilience import budget
from storefront.resilience.readiness import PROBE_SECONDS, STALE, Health, Monitor, Reason, Unfit


def told(monitor: Monitor) -> tuple[int, dict[str, object]]:
    answer = Health(monitor).answer("/readyz")
    assert answer is not None
    status, headers, body = answer
    assert (status == 503) == ("retry-after" in dict(headers))
    return status, json.loads(body)


def fails() -> None:
    raise OSError


def is_read_only() -> None:
    raise Unfit(Reason.READ_ONLY)


def well() -> None:
    pass


def seen(**probes: object) -> Monitor:
    monitor = Monitor(probes)  # type: ignore[arg-type]  # functions without arguments
    for name in probes:
        monitor.look(name)
    return monitor


def test_ok_degraded_and_unavailable() -> None:
    assert told(seen(aurora=well, stripe=well)) == (200, {"status": "ok", "away": []})
    assert told(seen(aurora=well, stripe=fails)) == (
        200,
        {"status": "degraded", "away": ["stripe"], "reason": "unreachable"},
    )
    assert told(seen(aurora=is_read_only, stripe=fails)) == (
        503,
        {"status": "unavailable", "away": ["aurora", "stripe"], "reason": "read-only"},
    )


def test_what_was_never_seen_or_too_long_ago_is_unreachable() -> None:
    now = 100.0
    monitor = Monitor({"aurora": well}, clock=lambda: now)
    assert told(monitor)[0] == 503
    monitor.look("aurora")
    assert told(monitor)[0] == 200
    now += STALE
    assert told(monitor)[0] == 200
    now += 0.1
    assert told(monitor)[0] == 503


def test_what_is_looked_at_for_its_own_sake_is_not_told() -> None:
    monitor = Monitor({"aurora": well, "reader": fails}, untold={"reader"})
    monitor.look("aurora")
    monitor.look("reader")
    assert told(monitor) == (200, {"status": "ok", "away": []})


def test_a_store_that_hangs_delays_neither_the_others_nor_the_answer() -> None:
    hangs = threading.Event()
    monitor = Monitor({"aurora": well, "dynamodb": hangs.wait, "stripe": well})
    monitor.start(wait=0.2)
    started = time.monotonic()
    assert told(monitor)[1]["away"] == ["dynamodb"]
    assert time.monotonic() - started < 0.1
    hangs.set()
    monitor.stop()


def test_a_look_has_a_budget_of_its_own() -> None:
    left: list[float | None] = []
    monitor = Monitor({"aurora": lambda: left.append(budget.left())})
    monitor.look("aurora")
    assert left[0] is not None
    assert 0 < left[0] <= PROBE_SECONDS


def test_the_front_answers_nothing_else() -> None:
    assert Health(seen(aurora=well)).answer("/") is None
    assert Health(seen(aurora=well)).answer("/healthz/") is None
    alive = Health(seen(aurora=fails)).answer("/healthz")
    assert alive is not None
    assert (alive[0], json.loads(alive[2])) == (200, {"status": "ok"})
