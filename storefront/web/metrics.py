"""Prometheus figures over all processes, for those who may see them."""

from __future__ import annotations

import hmac
import os
import time

from flask import Flask, Response, g, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
)

from storefront.config import Settings

REQUESTS = Counter("storefront_requests_total", "Requests answered", ["endpoint", "method", "status"])
SECONDS = Histogram(
    "storefront_request_seconds",
    "Time to answer, in seconds",
    ["endpoint"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)


def register(app: Flask) -> None:
    @app.before_request
    def start() -> None:
        g.started = time.perf_counter()

    @app.after_request
    def count(response: Response) -> Response:
        # The endpoint, never the path: paths hold order ids and what strangers type.
        endpoint = request.endpoint or "none"
        REQUESTS.labels(endpoint, request.method, response.status_code).inc()
        if "started" in g:
            SECONDS.labels(endpoint).observe(time.perf_counter() - g.started)
        return response


def may_read(settings: Settings) -> bool:
    """Loopback, or whoever bears the token; with a proxy in front everybody looks like loopback."""
    token = settings.metrics_token.get_secret_value()
    if token:
        return hmac.compare_digest(
            request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode()
        )
    return request.remote_addr in ("127.0.0.1", "::1") and "X-Forwarded-For" not in request.headers


def exposition() -> Response:
    """All processes' figures where they share a folder (PROMETHEUS_MULTIPROC_DIR), else this one's."""
    registry: CollectorRegistry = REGISTRY
    # prometheus-client reads this variable itself; here it only tells in which mode it works.
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
