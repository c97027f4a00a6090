"""Traces by OpenTelemetry: a span for each request, and in it one for each statement and each call.

Switched on by the standard variables and the extra ``otel``. Where no collector is named nothing of it is
imported and no call is wrapped: whoever makes an app, a connection or a client asks here, once. What traces
requests knows Flask, and is ``storefront/web/traces.py``.
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables
"""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    import requests
    from botocore.client import BaseClient

log = structlog.get_logger()

COLLECTORS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
SPOKEN = "http/protobuf"


@cache
def on() -> bool:
    """Whether there is a collector to send to.

    What is asked for and can't be had is an error in the log, once, and the shop goes on without.
    """
    if not any(map(os.environ.get, COLLECTORS)):
        return False
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if os.environ.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return False
    protocol = next(filter(None, map(os.environ.get, PROTOCOLS)), SPOKEN)
    if protocol != SPOKEN:
        log.error("traces_off", reason=f"the protocol has to be {SPOKEN}")
        return False
    if not importlib.util.find_spec("opentelemetry"):
        log.error("traces_off", reason="the extra otel is not installed")
        return False
    return True


def cursors() -> dict[str, object]:
    """What psycopg's connections are to be opened with."""
    if not on():
        return {}
    from storefront.tracing import sql

    return {"cursor_factory": sql.TracedCursor}


def trace_aws(client: BaseClient) -> None:
    if on():
        from storefront.tracing import aws

        aws.trace(client)


def trace_stripe(session: requests.Session) -> None:
    if on():
        from storefront.tracing import stripe

        stripe.trace(session)
