"""A WSGI app that tells what it was given, with small limits. Its port and keep-alive are the arguments."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable
from itertools import chain
from typing import Any
from wsgiref.types import StartResponse

from storefront.server.granian import run
from storefront.server.rsgi import STREAM, Limits

PIECE = b"x" * 1_000_000
LIMITS = Limits(body_limit=1000, body_seconds=0.6, queue_limit=5, queue_seconds=5, hung_after=2)


def app(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/raise":
        raise RuntimeError("on purpose")
    if path == "/sleep":
        time.sleep(float(environ["QUERY_STRING"]))
    if path == "/long":
        start_response("200 OK", [("Content-Type", "text/plain"), (STREAM, "1")])
        return (PIECE for _ in range(int(environ["QUERY_STRING"])))
    if path == "/breaks":
        start_response("200 OK", [("Content-Type", "text/plain"), (STREAM, "1")])
        return chain([PIECE], (PIECE[: 1 // zero] for zero in (0,)))
    told = {name: value for name, value in environ.items() if isinstance(value, str)}
    told["body"] = environ["wsgi.input"].read().decode("latin-1")
    told["pid"] = str(os.getpid())
    body = json.dumps(told).encode()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("X-A", "1"),
        ("X-A", "2"),
    ]
    start_response("200 OK", headers)
    return [b""] if environ["REQUEST_METHOD"] == "HEAD" else [body]


if __name__ == "__main__":
    port, keep_alive = int(sys.argv[1]), float(sys.argv[2])
    run("127.0.0.1", port, "tests.support.stub_app:app", LIMITS, workers=2, keep_alive=keep_alive)
