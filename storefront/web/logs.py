"""Structured logs, a line each, without names, addresses, tokens or line breaks of others.

A request is one line, ``request``: its id, route, status, milliseconds and statements. Everything else that
is logged on the way bears the same id. In production a line is a JSON object, tracebacks and what libraries
log included.
"""

from __future__ import annotations

import logging
import re
import sys
import uuid

import structlog
from flask import Request, Response
from structlog.typing import EventDict, Processor

from storefront.config import Settings
from storefront.repositories.aurora import statements

log = structlog.get_logger()

_SANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9=;:._+/@-]{7,127}")
QUIET = frozenset({"health.alive", "health.ready", "health.metrics"})
"""Asked every few seconds by machines: a line only where it goes wrong."""


def _without_rows(_logger: object, _method: str, event: EventDict) -> EventDict:
    """PostgreSQL's DETAIL quotes the row that broke a rule, with the name and address in it."""
    if "exception" in event:
        event["exception"] = re.sub(r"DETAIL:.*", "DETAIL left out", event["exception"])
    return event


def configure(settings: Settings) -> None:
    """Log to standard error: JSON in production, else a line that is easy to read."""
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if settings.production
        else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])
    )
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
        _without_rows,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        # Elsewhere tests listen to what is logged, and a logger that is kept would not hear of it.
        cache_logger_on_first_use=settings.production,
    )
    if settings.production:
        _take_in_libraries(shared, renderer)
        sys.excepthook = _uncaught


def _take_in_libraries(shared: list[Processor], renderer: Processor) -> None:
    """What libraries log, from warnings on, in the same shape; a traceback is one line, too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(True)


def _uncaught(kind: type[BaseException], error: BaseException, _trace: object) -> None:
    if not issubclass(kind, Exception):
        sys.__excepthook__(kind, error, error.__traceback__)
        return
    log.critical("uncaught", exc_info=error)


def start(asked: Request) -> None:
    """What is logged from here on bears the request's id."""
    statements.start_counting()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request=request_id(asked))


def finish(asked: Request, response: Response, seconds: float) -> None:
    """The request's own line."""
    failed = response.status_code >= 500
    if asked.endpoint in QUIET and not failed:
        return
    (log.warning if failed else log.info)(
        "request",
        # The rule, never the path: paths hold order ids and what strangers type.
        route=asked.url_rule.rule if asked.url_rule else "none",
        method=asked.method if asked.method in KNOWN else "other",
        status=response.status_code,
        ms=round(seconds * 1000, 1),
        statements=statements.counted(),
    )


KNOWN = frozenset({"GET", "HEAD", "POST", "OPTIONS", "PUT", "PATCH", "DELETE"})


def request_id(asked: Request) -> str:
    """The id that the balancer or a proxy gave the request, where it looks like one, else one of our own.

    It is only ever written down, never believed.
    """
    for header in ("X-Amzn-Trace-Id", "X-Request-Id"):
        given = asked.headers.get(header, "")
        if _SANE.fullmatch(given):
            return given
    return uuid.uuid4().hex
