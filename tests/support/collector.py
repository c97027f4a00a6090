"""A collector of OpenTelemetry on loopback: takes spans by OTLP over HTTP and keeps them."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Told:
    """One span, as it came over the wire."""

    name: str
    trace: bytes
    id: bytes
    parent: bytes
    kind: int
    failed: bool
    about: dict[str, Any]


class Collector:
    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.service = ""
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                assert self.path == "/v1/traces"
                collector.bodies.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def spans(self) -> list[Told]:
        found = []
        for body in list(self.bodies):
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                named = {one.key: one.value.string_value for one in resource.resource.attributes}
                self.service = named["service.name"]
                found += [_told(span) for scope in resource.scope_spans for span in scope.spans]
        return found

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _told(span: Any) -> Told:
    about = {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}
    failed = span.status.code == 2
    return Told(span.name, span.trace_id, span.span_id, span.parent_span_id, span.kind, failed, about)


@contextmanager
def collecting() -> Iterator[Collector]:
    made = Collector()
    try:
        yield made
    finally:
        made.stop()
