"""What a load balancer and Prometheus ask."""

from __future__ import annotations

from flask import Blueprint, Response, request
from prometheus_client import CONTENT_TYPE_LATEST

from storefront.domain.errors import NotFound
from storefront.web import metrics as figures
from storefront.web.context import process, settings, stores

health = Blueprint("health", __name__)

FIRST_LOOK = 4.5
"""Seconds that the first who asks waits for what there is to tell."""


@health.get("/healthz")
def alive() -> Response:
    """The process answers; says nothing of the stores, so that an outage restarts nothing."""
    return _told()


@health.get("/readyz")
def ready() -> Response:
    """503 only without an Aurora that can be written to: nothing works then."""
    process().health.monitor.start(FIRST_LOOK)
    return _told()


@health.get("/metrics")
def metrics() -> Response:
    if not figures.may_read(settings()):
        raise NotFound("There is nothing here")
    return Response(figures.exposition(stores()), content_type=CONTENT_TYPE_LATEST)


def _told() -> Response:
    """As the server's front tells it; here for servers that have none."""
    answer = process().health.answer(request.path)
    if answer is None:
        raise NotFound("There is nothing here")
    status, headers, body = answer
    return Response(body, status, headers)
