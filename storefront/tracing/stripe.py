"""A span for each request to Stripe; those that its library repeats are several."""

from __future__ import annotations

import re
from typing import Any

import requests
from opentelemetry.trace import Status, StatusCode
from requests.adapters import HTTPAdapter

from storefront.tracing.spans import call_span

_ID = re.compile(r"(?<=/)[a-z]+_\w*[A-Z0-9]\w*")
"""cs_test_a1B2…, pi_3N…: of one object, where a name shall be of all of its kind."""


def trace(session: requests.Session) -> None:
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Traced())


class _Traced(HTTPAdapter):
    def send(self, request: requests.PreparedRequest, *arguments: Any, **how: Any) -> requests.Response:
        path = _ID.sub("{id}", request.path_url.partition("?")[0])
        method = request.method or "GET"
        about = {"http.request.method": method, "url.template": path, "peer.service": "stripe"}
        with call_span(f"Stripe {method} {path}", about) as span:
            response = super().send(request, *arguments, **how)
            if span is not None:
                span.set_attribute("http.response.status_code", response.status_code)
                if response.status_code >= 500:
                    span.set_status(Status(StatusCode.ERROR))
            return response
