"""After every test of a service the shop's books must balance."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storefront.config import Settings
from storefront.process import Process
from tests.support.audit import sound, unsound
from tests.support.till import Till

__all__ = ["sound", "unsound"]


@pytest.fixture
def till(process: Process, stripe: str) -> Till:
    return Till(process, stripe)


@pytest.fixture
def wide(settings: Settings, process: Process) -> Iterator[Process]:
    """A process with a connection for each of fifty threads, so that none waits for one."""
    made = Process(settings, pool_size=50)
    yield made
    made.engines.dispose()
