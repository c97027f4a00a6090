"""A few threads for an event loop: results, errors, and who waits."""

from __future__ import annotations

import asyncio
import threading
from functools import partial

import pytest

from storefront.server.thread_pool import ThreadPool


def test_calls_beyond_the_threads_wait_their_turn_and_all_get_their_result() -> None:
    release = threading.Event()
    begun = threading.Semaphore(0)

    def work(number: int) -> int:
        begun.release()
        release.wait(10)
        return number * number

    async def run() -> list[int]:
        pool: ThreadPool[int] = ThreadPool(2, hung_after=30)
        calls = [asyncio.ensure_future(pool.run(str(n), partial(work, n))) for n in range(5)]
        await asyncio.to_thread(lambda: [begun.acquire(timeout=10) for _ in range(2)])
        assert pool.waiting == 3
        release.set()
        return await asyncio.gather(*calls)

    assert asyncio.run(run()) == [0, 1, 4, 9, 16]


def test_an_error_comes_to_who_asked() -> None:
    def fail() -> int:
        raise LookupError("on purpose")

    async def run() -> None:
        pool: ThreadPool[int] = ThreadPool(1, hung_after=30)
        with pytest.raises(LookupError, match="on purpose"):
            await pool.run("fails", fail)
        assert await pool.run("works", lambda: 7) == 7

    asyncio.run(run())


def test_a_call_that_nobody_waits_for_any_more_does_no_harm() -> None:
    release = threading.Event()

    async def run() -> None:
        pool: ThreadPool[object] = ThreadPool(1, hung_after=30)
        left = asyncio.ensure_future(pool.run("left", lambda: release.wait(10)))
        await asyncio.sleep(0)
        left.cancel()
        release.set()
        assert await pool.run("next", lambda: "done") == "done"

    asyncio.run(run())
