"""Prometheus figures over all processes, for those who may see them."""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

import structlog
from flask import request
from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from storefront.config import Settings
from storefront.domain.errors import StoreUnavailable
from storefront.services import figures
from storefront.services.heartbeat import Heartbeat
from storefront.stores import Stores

log = structlog.get_logger()

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
REQUESTS = Counter("storefront_requests_total", "Requests answered", ["endpoint", "method", "status"])
SECONDS = Histogram(
    "storefront_request_seconds",
    "Time the app took to answer, in seconds",
    ["endpoint"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)


def count(endpoint: str, method: str, status: int, times: int) -> None:
    """So many requests answered by kept pages, which took no time worth telling."""
    _children(endpoint, method if method in METHODS else "other", status)[0].inc(times)


def observe(endpoint: str, method: str, status: int, seconds: float) -> None:
    """One request answered by the app."""
    # Clients invent methods, and every series stays for the life of the shop.
    answered, took = _children(endpoint, method if method in METHODS else "other", status)
    answered.inc()
    took.observe(seconds)


@lru_cache(maxsize=1024)
def _children(endpoint: str, method: str, status: int) -> tuple[Counter, Histogram]:
    """Finding them by their labels takes longer than counting."""
    return REQUESTS.labels(endpoint, method, status), SECONDS.labels(endpoint)


def may_read(settings: Settings) -> bool:
    """Loopback, or whoever bears the token; with a proxy in front everybody looks like loopback."""
    token = settings.metrics_token.get_secret_value()
    if token:
        return hmac.compare_digest(
            request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode()
        )
    return request.remote_addr in ("127.0.0.1", "::1") and "X-Forwarded-For" not in request.headers


class Figures(Collector):
    """What ``read`` tells when it is asked. While Aurora does not answer these are missing, and the
    processes' own figures are not kept from anybody."""

    def __init__(self, read: Callable[[], Iterable[figures.Figure]]) -> None:
        self._read = read

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            told = self._read()
        except StoreUnavailable as error:
            log.warning("figures_missing", store=error.store)
            return
        for figure in told:
            gauge = GaugeMetricFamily(
                figure.name, figure.meaning, labels=[figure.label] if figure.label else []
            )
            for label, value in figure.values.items():
                gauge.add_metric([label] if figure.label else [], value)
            yield gauge


def serve_worker(port: int, stores: Callable[[], Stores], heartbeat: Heartbeat) -> None:
    """Answer on a port of loopback with what the stores and a worker tell; in a thread that ends with it."""
    registry = CollectorRegistry()
    registry.register(Figures(lambda: figures.of_worker(heartbeat)))
    registry.register(Figures(lambda: figures.read(stores())))
    start_http_server(port, addr="127.0.0.1", registry=registry)


def exposition(stores: Stores) -> bytes:
    """What the stores tell, and all processes' figures where they share a folder
    (PROMETHEUS_MULTIPROC_DIR), else this one's."""
    from_stores = CollectorRegistry()
    from_stores.register(Figures(lambda: figures.read(stores)))
    registry: CollectorRegistry = REGISTRY
    # prometheus-client reads this variable itself; here it only tells in which mode it works.
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # it has no types
    return generate_latest(registry) + generate_latest(from_stores)
