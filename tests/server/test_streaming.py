"""Answers that are sent as they are made."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable, Iterator
from http.client import HTTPConnection
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from bench.cost import memory_mb
from storefront.server.rsgi import STREAM, Limits, RsgiApp
from storefront.server.streaming import Pieces, Streams, TooMany
from tests.server.test_granian import Server
from tests.server.test_rsgi import LIMITS, Protocol, Scope
from tests.support.stub_app import PIECE


class Reader(Protocol):
    """A client that reads so many bytes at a time, and all that there are; or only the first."""

    def __init__(self, *, stops: bool = False, leaves: bool = False) -> None:
        super().__init__()
        self.head: tuple[int, list[tuple[str, str]]] | None = None
        self.got = b""
        self.done = threading.Event()
        self._stops, self._leaves = stops, leaves

    def response_file(self, status: int, headers: list[tuple[str, str]], file: str) -> None:
        self.head = status, headers
        threading.Thread(target=self._read, args=(file,), daemon=True).start()

    def _read(self, file: str) -> None:
        with open(file, "rb", buffering=0) as pipe:  # noqa: PTH123 - a pipe
            while piece := pipe.read(1000):
                self.got += piece
                if self._leaves:
                    break
                if self._stops:
                    threading.Event().wait(60)
        self.done.set()


class Body:
    """Pieces that are counted when they are made, and a close that is told of."""

    def __init__(self, count: int) -> None:
        self.made = 0
        self.closed = threading.Event()
        self._count = count

    def __iter__(self) -> Iterator[bytes]:
        for number in range(self._count):
            self.made += 1
            yield b"%d" % number * 100_000

    def close(self) -> None:
        self.closed.set()


def streaming(body: Iterable[bytes]) -> WSGIApplication:
    def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("x-app", "long"), (STREAM, "1")])
        return body

    return app


def answered(body: Body, reader: Reader, streams: Streams) -> None:
    async def whole() -> None:
        await streams.send("GET /", reader, 200, [], Pieces(body))
        await asyncio.sleep(0.05)

    asyncio.run(whole())


def test_pieces_go_out_in_order_and_the_mark_stays_here() -> None:
    body, reader = Body(3), Reader()

    async def whole() -> None:
        await RsgiApp(streaming(body), LIMITS).__rsgi__(Scope(), reader)
        await asyncio.sleep(0.05)

    asyncio.run(whole())
    assert reader.done.wait(5)
    assert reader.head == (200, [("x-app", "long")])
    assert reader.got == b"".join(Body(3))
    assert body.closed.wait(5)


def test_no_more_is_made_than_the_client_takes_and_one_who_takes_nothing_is_left() -> None:
    body, reader = Body(9), Reader(stops=True)
    answered(body, reader, Streams(take_seconds=0.2, hung_after=30))
    assert body.made == 1
    assert body.closed.wait(5)


def test_nothing_is_made_for_a_client_who_left() -> None:
    body, reader = Body(9), Reader(leaves=True)
    answered(body, reader, Streams(hung_after=30))
    assert body.made == 1
    assert body.closed.wait(5)


def test_a_slow_reader_holds_no_thread_of_the_pages() -> None:
    slow, quick = Reader(stops=True), Reader()
    front = RsgiApp(streaming(Body(3)), Limits(threads=1))

    async def both() -> None:
        waiting = asyncio.ensure_future(front.__rsgi__(Scope(), slow))
        await asyncio.sleep(0.1)
        began = time.monotonic()
        await front.__rsgi__(Scope(), quick)
        assert time.monotonic() - began < 1
        waiting.cancel()
        await asyncio.sleep(0.05)

    asyncio.run(both())
    assert quick.done.wait(5)
    assert quick.got == b"".join(Body(3))


def test_only_so_many_are_sent_at_a_time() -> None:
    streams = Streams(most=1, hung_after=30)
    refused, again = Body(3), Reader()

    async def one_after_the_other() -> None:
        first = asyncio.ensure_future(streams.send("a", Reader(stops=True), 200, [], Pieces(Body(3))))
        await asyncio.sleep(0.1)
        with pytest.raises(TooMany):
            await streams.send("b", Reader(), 200, [], Pieces(refused))
        first.cancel()
        await asyncio.sleep(0.05)
        await streams.send("c", again, 200, [], Pieces(Body(3)))
        await asyncio.sleep(0.05)

    asyncio.run(one_after_the_other())
    assert refused.closed.wait(5)
    assert again.done.wait(5)
    assert again.got, "those that are over count no more"


@pytest.mark.alone
def test_memory_does_not_grow_with_the_answer() -> None:
    with Server() as server:
        connection = HTTPConnection("127.0.0.1", server.port, timeout=30)
        pid = int(server.told()["pid"])
        connection.request("GET", "/long?300")
        answer = connection.getresponse()
        got, most = 0, 0.0
        before = memory_mb(pid)
        while piece := answer.read(len(PIECE)):
            got += len(piece)
            most = max(most, memory_mb(pid))
        connection.close()
    assert got == 300 * len(PIECE)
    assert most - before < 40


@pytest.mark.alone
def test_an_answer_that_breaks_off_ends_without_its_rest() -> None:
    """HTTP's own end is put to it by granian, so that what is streamed must have an end of its own."""
    with Server() as server:
        answer, body = server.get("/breaks")
        assert (answer.status, body) == (200, PIECE)
        assert server.get("/")[0].status == 200
