"""A span for each request that the app answers; pages that the server has kept make none."""

from __future__ import annotations

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import structlog
from flask import Flask, request, request_finished
from opentelemetry import trace as otel
from opentelemetry.trace import Status, StatusCode
from werkzeug.wrappers import Response

from storefront.tracing.spans import provider, request_span

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def register(app: Flask) -> None:
    """To be called, and imported, only where traces are sent."""
    # Now, not in the first request: two threads may have one each.
    provider()
    request_finished.connect(_tell, app)
    app.wsgi_app = _Traced(app.wsgi_app)  # type: ignore[method-assign]  # the documented way to wrap an app


class _Traced:
    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"]
        with request_span(method if method in METHODS else "_OTHER"):
            return self._app(environ, start_response)


def _tell(_app: Flask, response: Response) -> None:
    """By the rule, never the path: paths hold order ids and what strangers type."""
    span = otel.get_current_span()
    if not span.is_recording():
        return
    rule = request.url_rule.rule if request.url_rule else ""
    method = request.method if request.method in METHODS else "_OTHER"
    if rule:
        span.update_name(f"{method} {rule}")
        span.set_attribute("http.route", rule)
    span.set_attribute("http.response.status_code", response.status_code)
    # By it the lines of the log are found that the same request wrote.
    span.set_attribute("storefront.request", structlog.contextvars.get_contextvars().get("request", ""))
    if response.status_code >= 500:
        span.set_status(Status(StatusCode.ERROR))
