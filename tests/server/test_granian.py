"""The web server as it runs: two granian workers around a stub of an app."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import pytest

from tests.support.concurrency import wait_until

pytestmark = pytest.mark.alone

SECRET = "not-for-the-environ"


class Server:
    def __init__(self, keep_alive: float = 10.0) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.stub_app", str(self.port), str(keep_alive)],
            env={**os.environ, "A_SECRET": SECRET},
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        wait_until(self.answers, bound=20)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def get(self, path: str = "/", method: str = "GET", **headers: str) -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request(method, path, headers={n.replace("__", "-"): v for n, v in headers.items()})
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    def told(self, path: str = "/", **headers: str) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.get(path, **headers)[1])
        return told

    def raw(self, request: bytes) -> bytes:
        """What comes back until the server closes or says nothing for a second and a half."""
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(request)
            connection.settimeout(1.5)
            answer = b""
            try:
                while part := connection.recv(65536):
                    answer += part
            except TimeoutError:
                pass
            return answer

    def answers(self) -> bool:
        try:
            return self.get()[0].status == 200
        except OSError:
            return False

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = Server()
    yield started
    started.stop()


@pytest.fixture
def own_server() -> Iterator[Server]:
    """For tests that end some of its processes."""
    started = Server()
    yield started
    started.stop()


def test_slow_heads_and_bodies_keep_nobody_waiting(server: Server) -> None:
    with ExitStack() as slow:
        clients = [
            slow.enter_context(socket.create_connection(("127.0.0.1", server.port))) for _ in range(40)
        ]
        for number, client in enumerate(clients):
            head = b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: "
            client.sendall(
                head if number % 2 else b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\na"
            )
        # Well inside body_seconds, so all the bodies are still on their way.
        slowest = 0.0
        for _ in range(5):
            begun = time.monotonic()
            assert server.answers()
            slowest = max(slowest, time.monotonic() - begun)
        assert slowest < 0.4


def test_a_body_that_dawdles_is_a_408(server: Server) -> None:
    answer = server.raw(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"took too long" in answer


def test_a_body_that_is_cut_off_never_reaches_the_app(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        client.shutdown(socket.SHUT_WR)
        client.settimeout(5)
        assert not client.recv(100).startswith(b"HTTP/1.1 200")


def test_a_body_over_the_limit_is_a_413_before_it_arrives(server: Server) -> None:
    begun = time.monotonic()
    answer = server.raw(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert time.monotonic() - begun < 0.5


@pytest.mark.parametrize("length", [b"", b"Content-Length: 3\r\n"])
def test_a_chunked_body_is_a_411(server: Server, length: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\n" + length + b"Transfer-Encoding: chunked\r\n\r\n"
    assert server.raw(head + b"3\r\nabc\r\n0\r\n\r\n").startswith(b"HTTP/1.1 411 ")


def test_the_rest_of_a_refused_body_is_not_taken_for_a_request(server: Server) -> None:
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n"
    assert server.raw(head + smuggled).count(b"HTTP/1.1") == 1


def test_a_whole_body_reaches_the_app(server: Server) -> None:
    answer = server.raw(
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\na=\xff&b"
    )
    told = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert (told["body"], told["CONTENT_LENGTH"], told["REQUEST_METHOD"]) == ("a=\xff&b", "5", "POST")


def test_the_environ_is_the_request_and_nothing_else(server: Server) -> None:
    told = server.told("/a%20b%2F%E2%82%AC?q=%FF&x=1", X_Forwarded_Host="evil", X__Forwarded__For="1.2.3.4")
    assert told["PATH_INFO"].encode("latin-1").decode() == "/a b/€"
    assert told["QUERY_STRING"] == "q=%FF&x=1"
    assert told["REMOTE_ADDR"] == "127.0.0.1"
    assert (told["SERVER_NAME"], told["SERVER_PORT"]) == ("127.0.0.1", str(server.port))
    assert told["HTTP_X_FORWARDED_FOR"] == "1.2.3.4"
    assert "HTTP_X_FORWARDED_HOST" not in told
    assert SECRET not in told.values()
    assert "PATH" not in told
    assert "wsgi.input_terminated" not in told


def test_repeated_headers_are_joined(server: Server) -> None:
    repeated = b"X-B: 1\r\nX-B: 2\r\nCookie: c=1\r\nCookie: d=2\r\n"
    request = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + repeated
    told = json.loads(server.raw(request + b"\r\n").partition(b"\r\n\r\n")[2])
    assert told["HTTP_X_B"] == "1,2"
    assert told["HTTP_COOKIE"] == "c=1; d=2"


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_a_request_without_one_host_and_a_path_is_a_400(server: Server, request_: bytes) -> None:
    assert server.raw(request_).startswith(b"HTTP/1.1 400 ")


def test_head_has_the_length_and_no_body(server: Server) -> None:
    answer, body = server.get(method="HEAD")
    assert int(answer.headers["Content-Length"]) > 0
    assert body == b""
    assert answer.headers.get_all("X-A") == ["1", "2"]


def test_an_app_that_raises_is_a_500_without_its_reason(server: Server) -> None:
    answer, body = server.get("/raise")
    assert answer.status == 500
    assert b"on purpose" not in body


def test_more_than_may_wait_are_told_at_once(server: Server) -> None:
    """Two workers, each with four threads and room for five: of 60, at most 18 are served."""
    statuses: list[int] = []
    quickest = []

    def ask() -> None:
        begun = time.monotonic()
        answer, _ = server.get("/sleep?0.8")
        statuses.append(answer.status)
        if answer.status == 503:
            assert answer.headers["Retry-After"]
            quickest.append(time.monotonic() - begun)

    threads = [threading.Thread(target=ask) for _ in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses.count(200) <= 18
    assert statuses.count(200) + statuses.count(503) == 60
    assert min(quickest) < 0.6


def test_a_hung_request_ends_its_worker_and_another_takes_its_place(own_server: Server) -> None:
    workers = {own_server.told()["pid"] for _ in range(20)}
    with pytest.raises(OSError):  # noqa: PT011  # reset or closed without an answer
        own_server.get("/sleep?4.5")
    wait_until(own_server.answers, bound=20)
    wait_until(lambda: own_server.told()["pid"] not in workers, bound=20)
    own_server.process.terminate()
    own_server.process.wait(10)
    assert own_server.process.stderr is not None
    assert b"'/sleep' has run" in own_server.process.stderr.read()


def test_the_workers_end_with_a_killed_server(own_server: Server) -> None:
    own_server.process.kill()
    own_server.process.wait()
    wait_until(lambda: not own_server.answers(), bound=5)


def test_it_stops_in_time_while_clients_dawdle(own_server: Server) -> None:
    with socket.create_connection(("127.0.0.1", own_server.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: ")
        own_server.process.terminate()
        assert own_server.process.wait(8) == 0


def test_what_is_under_way_is_answered_before_it_stops(own_server: Server) -> None:
    """A task that is replaced: what came before the signal is answered, and nothing new is taken."""
    answers: list[int] = []
    asking = [
        threading.Thread(target=lambda: answers.append(own_server.get("/sleep?1.5")[0].status))
        for _ in range(2)
    ]
    for one in asking:
        one.start()
    time.sleep(0.5)
    own_server.process.terminate()
    began = time.monotonic()
    for one in asking:
        one.join(10)
    assert answers == [200, 200]
    assert own_server.process.wait(8) == 0
    assert time.monotonic() - began < 8
    with pytest.raises(OSError, match="refused"):
        own_server.get()


def test_an_idle_connection_stays_for_as_long_as_it_is_told() -> None:
    """Longer than a balancer keeps one (60 s): it would send a request into one that just ended. Here seconds
    stand for minutes, and a connection of one second is the control."""
    for seconds, stays in ((4.0, True), (1.0, False)):
        with Server(keep_alive=seconds) as server:
            connection = HTTPConnection("127.0.0.1", server.port, timeout=5)
            connection.request("GET", "/")
            assert connection.getresponse().read()
            assert connection.sock
            connection.sock.settimeout(2.2)
            try:
                ended = connection.sock.recv(1) == b""
            except TimeoutError:
                ended = False
            assert ended is not stays
            connection.close()
