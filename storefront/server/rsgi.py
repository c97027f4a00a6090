"""An RSGI application around a WSGI one: whole requests on the event loop, the app in a thread.

RSGI is granian's own interface (https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md).

Threads are scarce (four a worker), and a client that sends its body a byte a second would hold one for as
long as it likes. So no thread is taken before the whole request is here, and none waits for a client to take
the answer.
"""

from __future__ import annotations

import asyncio
import io
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Protocol
from wsgiref.types import WSGIApplication, WSGIEnvironment

from storefront.resilience.budget import BEGAN
from storefront.resilience.readiness import Health
from storefront.server.page_cache import PageCache, Pages, Response
from storefront.server.streaming import Pieces, Streams, TooMany
from storefront.server.thread_pool import ThreadPool

log = logging.getLogger(__name__)

STREAM = "front-stream"
"""Addressed to this server alone, and taken off the answer: its body is sent as it is made."""


class Headers(Protocol):
    def get(self, key: str) -> str | None: ...
    def get_all(self, key: str) -> list[str]: ...
    def items(self) -> list[tuple[str, str]]: ...


class Scope(Protocol):
    """What granian tells of a request.

    Names in ``headers`` are lower-case; headers whose value isn't ASCII are missing.
    """

    http_version: str
    server: str
    client: str
    scheme: str
    method: str
    path: str
    query_string: str

    @property
    def headers(self) -> Headers: ...


class HTTPProtocol(Protocol):
    """granian's end of one request: iterate over it for the body, respond once."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...
    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...
    def response_file(self, status: int, headers: list[tuple[str, str]], file: str) -> None: ...


class Refused(Exception):
    """The request gets ``status`` and a short page instead of reaching the app."""

    def __init__(self, status: HTTPStatus, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


@dataclass(frozen=True)
class Limits:
    """Of one worker process.

    ``body_limit`` in bytes; ``body_seconds`` for a whole body to arrive; ``queue_limit`` requests may wait
    for a thread, none longer than ``queue_seconds``; one that runs ``hung_after`` seconds ends the process.
    """

    threads: int = 4
    body_limit: int = 256 * 1024
    body_seconds: float = 10.0
    queue_limit: int = 200
    queue_seconds: float = 5.0
    hung_after: float = 30.0


class RsgiApp:
    """Runs ``app`` in one of ``limits.threads``, and refuses by itself what goes beyond the limits.

    ``pages`` tells which of the app's pages are kept for a moment, to be answered without it;
    ``health`` is answered here, on the event loop, whatever the threads are doing.
    """

    def __init__(
        self,
        app: WSGIApplication,
        limits: Limits,
        pages: Pages | None = None,
        health: Health | None = None,
    ) -> None:
        self._health = health
        self._app = app
        self._limits = limits
        self._cache = PageCache(pages)
        self._pool: ThreadPool[Response] = ThreadPool(limits.threads, hung_after=limits.hung_after)
        self._streams = Streams(hung_after=limits.hung_after)

    async def __rsgi__(self, scope: Scope, protocol: HTTPProtocol) -> None:
        if self._health is not None and scope.method in ("GET", "HEAD"):
            told = self._health.answer(scope.path)
            if told is not None:
                protocol.response_bytes(*told)
                return
        try:
            if is_plain(scope):
                response = self._cache.kept(scope)
                if response is None:
                    response = await self._cache.answer(scope, partial(self._run, scope, b""))
            else:
                response = await self._run(scope, await self._body(scope.headers, protocol))
        except Refused as refused:
            response = _page(refused)
        status, headers, body = response
        if isinstance(body, bytes):
            protocol.response_bytes(status, headers, body)
            return
        try:
            await self._streams.send(f"{scope.method} {scope.path!r}", protocol, status, headers, body)
        except TooMany:
            status, headers, sentence = _page(_too_busy())
            protocol.response_bytes(status, headers, sentence)

    def _run(self, scope: Scope, body: bytes) -> asyncio.Future[Response]:
        """Let one of the threads answer.

        Raises:
            Refused: the request is none that the app should see, or too many wait already.
        """
        environ = make_environ(scope)
        environ["wsgi.input"] = io.BytesIO(body)
        if self._pool.waiting >= self._limits.queue_limit:
            raise _too_busy()
        # Who waits for a thread uses up the request's time (storefront/resilience/budget.py).
        environ[BEGAN] = time.monotonic()
        deadline = environ[BEGAN] + self._limits.queue_seconds
        return self._pool.run(f"{scope.method} {scope.path!r}", partial(self._respond, environ, deadline))

    async def _body(self, headers: Headers, protocol: HTTPProtocol) -> bytes:
        length = headers.get("content-length")
        if length is None:
            if headers.get("transfer-encoding") is not None:
                # Its end can't be told from a cut connection, so a half body would pass for a whole one.
                raise Refused(HTTPStatus.LENGTH_REQUIRED, "The request must say how long it is.")
            return b""
        expected = int(length)
        if expected > self._limits.body_limit:
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "That is more than this page takes.")
        if expected == 0:
            return b""
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                async for chunk in protocol:
                    body += chunk
        except TimeoutError:
            raise Refused(HTTPStatus.REQUEST_TIMEOUT, "The request took too long to arrive.") from None
        if len(body) != expected:
            raise Refused(HTTPStatus.BAD_REQUEST, "The request did not arrive whole.")
        return bytes(body)

    def _respond(self, environ: WSGIEnvironment, deadline: float) -> Response:
        """In a thread. Nobody is still waiting for what waited too long, so it isn't begun."""
        return _page(_too_busy()) if time.monotonic() > deadline else run_wsgi(self._app, environ)


def is_plain(scope: Scope) -> bool:
    """A GET or HEAD without a body and with one host: what browsers send for a page."""
    headers = scope.headers
    return (
        scope.method in ("GET", "HEAD")
        and headers.get("content-length") is None
        and headers.get("transfer-encoding") is None
        and len(headers.get_all("host")) == 1
    )


def make_environ(scope: Scope) -> WSGIEnvironment:
    """The WSGI environ (PEP 3333), without ``wsgi.input``.

    Made from the request alone: no variable of the process is in it. Headers with an underscore are left
    out, or ``X_Forwarded_Host`` would pass for ``X-Forwarded-Host``.
    """
    host, _, port = scope.server.rpartition(":")
    client, _, _ = scope.client.rpartition(":")
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": _wsgi_text(scope.path),
        "QUERY_STRING": _wsgi_text(scope.query_string),
        "SERVER_NAME": host.strip("[]"),
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": client.strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    hosts = 0
    for name, value in scope.headers.items():
        if "_" in name:
            continue
        if name == "content-type":
            environ["CONTENT_TYPE"] = value
        elif name == "content-length":
            environ["CONTENT_LENGTH"] = value
        else:
            hosts += name == "host"
            key = "HTTP_" + name.upper().replace("-", "_")
            before = environ[key] + ("; " if name == "cookie" else ",") if key in environ else ""
            environ[key] = before + value
    # Two hosts, or none in HTTP/1.1, is where proxies and apps come to disagree (RFC 9112, section 3.2).
    if hosts > 1 or (hosts == 0 and scope.http_version == "1.1") or not scope.path.startswith("/"):
        raise Refused(HTTPStatus.BAD_REQUEST, "The request could not be understood.")
    return environ


def run_wsgi(app: WSGIApplication, environ: WSGIEnvironment) -> Response:
    """Run the app and collect its whole answer, unless it says ``STREAM``; an app that raises is a 500."""
    status, headers, written = 500, [("content-type", "text/plain")], bytearray()

    def start_response(
        line: str, fields: list[tuple[str, str]], _exc_info: object = None, /
    ) -> Callable[[bytes], object]:
        nonlocal status, headers
        status, headers = int(line[:3]), fields
        return written.extend

    try:
        parts = app(environ, start_response)
        kept = [field for field in headers if field[0].lower() != STREAM]
        if len(kept) < len(headers):
            return status, kept, Pieces(parts)
        with closing(Pieces(parts)) as pieces:
            for piece in pieces:
                written += piece
    except Exception:
        # The standard library's, since the app has told it where lines go and what they look like.
        log.exception("the app ended without an answer")
        return _page(Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong on our side."))
    return status, headers, bytes(written)


def _wsgi_text(text: str) -> str:
    """WSGI wants bytes spelled as latin-1; granian has decoded them as UTF-8."""
    return text if text.isascii() else text.encode().decode("latin-1")


def _too_busy() -> Refused:
    return Refused(HTTPStatus.SERVICE_UNAVAILABLE, "The shop is very busy. Please try again in a moment.")


def _page(refused: Refused) -> tuple[int, list[tuple[str, str]], bytes]:
    status = refused.status
    page = (
        f'<!doctype html><html lang="en"><title>{status.phrase}</title>'
        f"<h1>{status.phrase}</h1><p>{refused.sentence}</p></html>"
    )
    headers = [("content-type", "text/html; charset=utf-8"), ("cache-control", "no-store")]
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.append(("retry-after", "2"))
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        # The rest of a refused request may still come in; it must not be read as the next one.
        headers.append(("connection", "close"))
    return status.value, headers, page.encode()
