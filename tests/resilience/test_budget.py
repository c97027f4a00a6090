"""The time of one request, and what calls within it are given of it."""

from __future__ import annotations

import threading
import time
from wsgiref.util import setup_testing_defaults

from storefront.resilience import budget
from storefront.resilience.budget import BEGAN, MARGIN, WithinBudget


def seen_by_an_app(**environ: float) -> float | None:
    seen: list[float | None] = []

    def app(_environ: object, _start_response: object) -> list[bytes]:
        seen.append(budget.left())
        return []

    whole: dict[str, object] = dict(environ)
    setup_testing_defaults(whole)
    WithinBudget(app, seconds=5)(whole, lambda *_: lambda _: None)
    (left,) = seen
    return left


def test_outside_of_requests_there_is_none() -> None:
    assert budget.left() is None
    assert budget.allows(1e9)
    assert budget.bounded(7) == 7


def test_a_request_has_what_the_front_has_not_used_up() -> None:
    fresh = seen_by_an_app()
    assert fresh is not None
    assert 4.5 < fresh <= 5 - MARGIN
    late = seen_by_an_app(**{BEGAN: time.monotonic() - 3})
    assert late is not None
    assert late <= 2 - MARGIN
    assert seen_by_an_app(**{BEGAN: time.monotonic() - 30}) == 0
    assert budget.left() is None, "it ends with the request"


def test_a_call_is_given_its_own_bound_or_what_is_left() -> None:
    with budget.until(time.monotonic() + 2):
        assert budget.bounded(1) == 1
        assert budget.bounded(60) <= 2
        assert budget.allows(1)
        assert not budget.allows(3)


def test_what_a_request_starts_in_the_background_does_not_draw_on_it() -> None:
    seen: list[float | None] = []
    with budget.until(time.monotonic()):
        thread = threading.Thread(target=lambda: seen.append(budget.left()))
        thread.start()
        thread.join()
    assert seen == [None]
