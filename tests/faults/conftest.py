"""After every fault the shop's books must balance."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from auditing import assert_sound


@pytest.fixture(autouse=True)
def sound(request: pytest.FixtureRequest) -> Iterator[None]:
    """The audit, after each test that used a process; before it, so that it outlives the test's faults."""
    process = request.getfixturevalue("process") if "process" in request.fixturenames else None
    yield
    if process is not None:
        assert_sound(process)
