"""The RSGI application by itself: what becomes of a request before and after the WSGI app."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import pytest

from storefront.resilience.budget import BEGAN
from storefront.resilience.readiness import Health, Monitor
from storefront.server.rsgi import Limits, RsgiApp

Response = tuple[int, list[tuple[str, str]], bytes]

LIMITS = Limits(threads=1, body_limit=100, body_seconds=0.2)


class Headers:
    def __init__(self, *pairs: tuple[str, str]) -> None:
        self._pairs = list(pairs)

    def get(self, key: str) -> str | None:
        return next((value for name, value in self._pairs if name == key), None)

    def get_all(self, key: str) -> list[str]:
        return [value for name, value in self._pairs if name == key]

    def items(self) -> list[tuple[str, str]]:
        return self._pairs


@dataclass
class Scope:
    headers: Headers = field(default_factory=lambda: Headers(("host", "shop")))
    http_version: str = "1.1"
    server: str = "127.0.0.1:8000"
    client: str = "[::1]:50000"
    scheme: str = "http"
    method: str = "GET"
    path: str = "/"
    query_string: str = ""


class Protocol:
    def __init__(self, *chunks: bytes, stalls: bool = False) -> None:
        self._chunks = chunks
        self._stalls = stalls
        self.responses: list[Response] = []

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk
        if self._stalls:
            await asyncio.sleep(30)

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.responses.append((status, headers, body))

    def response_file(self, status: int, headers: list[tuple[str, str]], file: str) -> None:
        raise AssertionError(f"none of these is streamed: {status} {headers} {file}")


def echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("x-app", "echo")])
    told = {name: value for name, value in environ.items() if isinstance(value, str)}
    return [json.dumps(told | {"body": environ["wsgi.input"].read().decode()}).encode()]


def ask(
    scope: Scope, protocol: Protocol | None = None, app: WSGIApplication = echo, limits: Limits = LIMITS
) -> Response:
    protocol = protocol or Protocol()
    asyncio.run(RsgiApp(app, limits).__rsgi__(scope, protocol))
    [response] = protocol.responses
    return response


def with_length(length: int) -> Scope:
    return Scope(Headers(("host", "shop"), ("content-length", str(length))), method="POST")


def test_a_whole_body_reaches_the_app_in_one_piece() -> None:
    status, headers, body = ask(with_length(6), Protocol(b"abc", b"def"))
    assert (status, headers) == (200, [("x-app", "echo")])
    told = json.loads(body)
    assert (told["body"], told["CONTENT_LENGTH"], told["REMOTE_ADDR"]) == ("abcdef", "6", "::1")


@pytest.mark.parametrize(
    ("scope", "protocol", "status"),
    [
        (with_length(101), Protocol(), 413),
        (with_length(6), Protocol(b"abc"), 400),
        (with_length(6), Protocol(b"abc", stalls=True), 408),
        (Scope(Headers(("host", "shop"), ("transfer-encoding", "chunked"))), Protocol(b"abc"), 411),
        (Scope(Headers()), Protocol(), 400),
        (Scope(Headers(("host", "a"), ("host", "b"))), Protocol(), 400),
        (Scope(path="*"), Protocol(), 400),
    ],
)
def test_what_is_refused_never_reaches_the_app(scope: Scope, protocol: Protocol, status: int) -> None:
    def unreached(_environ: WSGIEnvironment, _start_response: StartResponse) -> Iterable[bytes]:
        raise AssertionError("the app was called")

    refused, headers, _ = ask(scope, protocol, unreached)
    assert refused == status
    # What still comes in of it must not be read as the next request.
    assert ("connection", "close") in headers


def test_who_has_waited_too_long_for_a_thread_is_told_to_come_again() -> None:
    status, headers, _ = ask(Scope(), limits=Limits(threads=1, queue_seconds=-1))
    assert status == 503
    assert ("retry-after", "2") in headers


def test_a_header_with_an_underscore_does_not_pass_for_one_with_a_dash() -> None:
    _, _, body = ask(Scope(Headers(("host", "shop"), ("x_forwarded_host", "evil"))))
    assert "HTTP_X_FORWARDED_HOST" not in json.loads(body)


def test_an_app_that_raises_half_way_is_closed_and_a_500(caplog: pytest.LogCaptureFixture) -> None:
    closed = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            yield b"half"
            raise RuntimeError("on purpose")

        def close(self) -> None:
            closed.append(True)

    def app(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [])
        return Body()

    status, _, body = ask(Scope(), app=app)
    assert (status, closed) == (500, [True])
    assert b"half" not in body
    # With its traceback, by the logger of libraries: in production that is a line of JSON.
    (line,) = caplog.records
    assert line.exc_info
    assert "on purpose" in str(line.exc_info[1])


def test_a_balancer_is_answered_while_every_thread_is_busy() -> None:
    busy = threading.Event()

    def stuck(_environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        busy.wait(10)
        start_response("200 OK", [])
        return []

    monitor = Monitor({"aurora": lambda: None})
    monitor.look("aurora")
    front = RsgiApp(stuck, LIMITS, health=Health(monitor))

    async def ask_both() -> list[Response]:
        waiting = [asyncio.ensure_future(front.__rsgi__(Scope(), Protocol())) for _ in range(3)]
        protocol = Protocol()
        for path in ("/healthz", "/readyz"):
            started = time.monotonic()
            await front.__rsgi__(Scope(path=path), protocol)
            assert time.monotonic() - started < 0.1
        busy.set()
        await asyncio.gather(*waiting)
        return protocol.responses

    assert [status for status, _, _ in asyncio.run(ask_both())] == [200, 200]


def test_a_form_posted_to_a_health_page_goes_to_the_app() -> None:
    protocol = Protocol(b"")
    scope = Scope(Headers(("host", "shop"), ("content-length", "0")), method="POST", path="/healthz")
    asyncio.run(RsgiApp(echo, LIMITS, health=Health(Monitor({}))).__rsgi__(scope, protocol))
    assert protocol.responses[0][1] == [("x-app", "echo")]


def test_the_time_that_a_request_waits_for_a_thread_is_its_own() -> None:
    began: list[float] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        began.append(environ[BEGAN])
        start_response("200 OK", [])
        return []

    before = time.monotonic()
    ask(Scope(), app=app)
    assert before <= began[0] <= time.monotonic()
