"""A few short histories of a shop at work; tests/prove/test_machine.py tries hundreds of long ones."""

from __future__ import annotations

from sqlalchemy import Engine

from storefront.process import Process
from tests.conftest import empty
from tests.support.machine import run_machine


def test_whatever_happens_the_books_balance(process: Process, stripe: str, caretaker: Engine) -> None:
    run_machine(process, stripe, lambda: empty(caretaker), examples=10, steps=20, the_same=True)
