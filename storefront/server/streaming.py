"""Answers too long to be held whole: made and sent a piece at a time, as fast as the client takes them."""

from __future__ import annotations

import asyncio
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

from storefront.server.thread_pool import ThreadPool

log = logging.getLogger(__name__)

Fields = list[tuple[str, str]]

MOST = 8
"""So many are sent at a time by one process; each keeps one piece in memory."""
TAKE_SECONDS = 30.0
"""How long a client may take for one piece."""
OPEN_SECONDS = 5.0
LOOK_EVERY = 0.005
"""How often to look, in seconds, whether the server has opened its end."""


class StreamProtocol(Protocol):
    def response_file(self, status: int, headers: Fields, file: str) -> None: ...


class TooMany(Exception):
    """So many are being sent that no other is begun."""


class Pieces:
    """What a WSGI application answered, with the ``close`` that it may have (PEP 3333)."""

    def __init__(self, parts: Iterable[bytes]) -> None:
        self._parts = parts
        self._rest = iter(parts)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._rest)

    def close(self) -> None:
        close = getattr(self._parts, "close", None)
        if close is not None:
            close()


class Streams:
    """Makes pieces in a thread of its own, so that no page waits for a thread that a long answer has; between
    two pieces it holds none, however slowly a client reads.

    granian's own stream takes whatever it is given and keeps what the client doesn't read
    (https://github.com/emmett-framework/granian/issues/885). A file it reads as the client does, so it is
    given a named pipe for one, which says when it is full.
    """

    def __init__(self, *, most: int = MOST, take_seconds: float = TAKE_SECONDS, hung_after: float) -> None:
        self._pool: ThreadPool[bytes | None] = ThreadPool(1, hung_after=hung_after)
        self._most = most
        self._take_seconds = take_seconds
        self._open = 0

    async def send(
        self, label: str, protocol: StreamProtocol, status: int, headers: Fields, pieces: Pieces
    ) -> None:
        """Send all pieces, or as many as there are until one fails or the client takes none.

        An answer that breaks off looks whole to HTTP, so what is sent this way tells its end by itself, as
        the last tag of an XML document does.

        Raises:
            TooMany: nothing of it was sent.
        """
        self._open += 1
        try:
            if self._open > self._most:
                raise TooMany
            pipe = await _opened(protocol, status, headers)
            try:
                while (piece := await self._pool.run(label, partial(next, pieces, None))) is not None:
                    async with asyncio.timeout(self._take_seconds):
                        await _write(pipe, piece)
            finally:
                os.close(pipe)
        except TooMany:
            raise
        except (TimeoutError, BrokenPipeError):
            log.info("%s: the client takes no more of it", label)
        except Exception:
            log.exception("%s: broke off", label)
        finally:
            self._open -= 1
            # In that thread again: the last piece may still be being made for a client who is gone.
            self._pool.run(label, pieces.close)


async def _opened(protocol: StreamProtocol, status: int, headers: Fields) -> int:
    """The end of a pipe to write to, whose other end the server has opened.

    Raises:
        TimeoutError: the server didn't; its client is gone.
    """
    with tempfile.TemporaryDirectory(prefix="stream-") as folder:
        path = Path(folder, "pipe")
        os.mkfifo(path, 0o600)
        protocol.response_file(status, headers, str(path))
        async with asyncio.timeout(OPEN_SECONDS):
            while True:
                try:
                    return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
                except OSError:  # nobody reads it yet
                    await asyncio.sleep(LOOK_EVERY)


async def _write(pipe: int, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        try:
            rest = rest[os.write(pipe, rest) :]
        except BlockingIOError:
            await _has_room(pipe)


async def _has_room(pipe: int) -> None:
    loop = asyncio.get_running_loop()
    room: asyncio.Future[None] = loop.create_future()

    def tell() -> None:
        if not room.done():
            room.set_result(None)

    loop.add_writer(pipe, tell)
    try:
        await room
    finally:
        loop.remove_writer(pipe)
