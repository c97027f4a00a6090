"""After every test of a service the shop's books must balance."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from auditing import assert_sound


@pytest.fixture
def unsound() -> None:
    """Named by tests that break an invariant on purpose: no audit after them."""


@pytest.fixture(autouse=True)
def sound(request: pytest.FixtureRequest) -> Iterator[None]:
    """The audit, after each test that used a process."""
    uses_stores = "process" in request.fixturenames and "unsound" not in request.fixturenames
    process = request.getfixturevalue("process") if uses_stores else None
    yield
    if process is not None:
        assert_sound(process)
