"""Hundreds of long histories of a shop at work: 200 of 50 steps, with FULL=1 two thousand."""

from __future__ import annotations

import os

import pytest
from sqlalchemy import Engine

from storefront.process import Process
from tests.conftest import empty
from tests.support.machine import run_machine

EXAMPLES = 2_000 if os.environ.get("FULL") else 200


@pytest.mark.prove
def test_whatever_happens_for_long_the_books_balance(
    process: Process, stripe: str, caretaker: Engine
) -> None:
    run_machine(process, stripe, lambda: empty(caretaker), examples=EXAMPLES, steps=50)
