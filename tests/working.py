"""Rounds of the worker without its mail, which has tests of its own and a service of its own to wait for."""

from __future__ import annotations

from storefront.process import Process
from storefront.services.worker import Worker


def quiet_worker(process: Process) -> Worker:
    worker = Worker(process)
    worker._mails = ()
    return worker


def work(process: Process, rounds: int = 1) -> None:
    worker = quiet_worker(process)
    for _ in range(rounds):
        worker.round()
