"""Kills a process of the shop at a named point of its work: before or after a COMMIT, or a call to Stripe, to
DynamoDB or to SES. It is a fork with connections of its own, and nothing in the shop knows of it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

from sqlalchemy import event

from storefront.config import Settings
from storefront.domain.errors import ShopError
from storefront.process import Process

Work = Callable[[Process], object]
FINISHED = "finished"


class _Points:
    """Counts the points that are passed; at the one of this number the process ends."""

    def __init__(self, last: int, tell: Callable[[str], None]) -> None:
        self._left = last
        self._tell = tell
        self._committed = False

    def passed(self, name: str) -> None:
        if self._left == 0:
            self._tell(name)
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1

    def watch(self, process: Process) -> None:
        engine = process.engines.writer
        event.listen(engine, "commit", self._commits)
        event.listen(engine, "checkin", self._has_committed)
        transport = process.stripe._transport
        asked = transport.request

        def ask(method: Any, url: Any, **options: Any) -> Any:
            name = f"Stripe's {method.upper()} {url.partition('/v1')[2].partition('?')[0][:24]}"
            self.passed(f"before {name}")
            answer = asked(method, url, **options)
            self.passed(f"after {name}")
            return answer

        transport.request = ask  # type: ignore[method-assign]
        for events, store in (
            (process.dynamodb.client.meta.events, "dynamodb"),
            (process.mailer._ses._ses.meta.events, "sesv2"),
        ):
            events.register(f"before-call.{store}", self._calling("before"))
            events.register(f"after-call.{store}", self._calling("after"))

    def _calling(self, when: str) -> Callable[..., None]:
        def call(model: Any, **_: object) -> None:
            self.passed(f"{when} {model.name}")

        return call

    def _commits(self, _connection: object) -> None:
        self.passed("before COMMIT")
        self._committed = True

    def _has_committed(self, *_: object) -> None:
        if self._committed:
            self._committed = False
            self.passed("after COMMIT")


def killed(settings: Settings, work: Work, number: int) -> str:
    """Where a process that does this work was killed: at its point of this number, or nowhere: FINISHED."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        _work(settings, work, number, write)
    os.close(write)
    with os.fdopen(read) as told:
        name = told.read()
    _, status = os.waitpid(child, 0)
    assert name, "the process ended without a word"
    if name.startswith("broken"):
        raise AssertionError(name)
    assert os.WIFSIGNALED(status) is (name != FINISHED)
    return name


def _work(settings: Settings, work: Work, number: int, write: int) -> NoReturn:
    """In the fork, which must never come back to the tests."""

    def tell(words: str) -> None:
        os.write(write, words.encode())

    try:
        process = Process(settings)
        points = _Points(number, tell)
        points.watch(process)
        with suppress(ShopError):  # a refusal is an answer
            work(process)
        points.passed("before it could answer")
        tell(FINISHED)
    except BaseException as error:
        tell(f"broken: {error!r}")
    finally:
        os._exit(0)
