"""Structured logs, a line each, without names, addresses, tokens or line breaks of others."""

from __future__ import annotations

import logging
import re
import sys

import structlog
from structlog.typing import EventDict

from storefront.config import Settings


def _without_rows(_logger: object, _method: str, event: EventDict) -> EventDict:
    """PostgreSQL's DETAIL quotes the row that broke a rule, with the name and address in it."""
    if "exception" in event:
        event["exception"] = re.sub(r"DETAIL:.*", "DETAIL left out", event["exception"])
    return event


def configure(settings: Settings) -> None:
    renderer = (
        structlog.processors.JSONRenderer()
        if settings.production
        else structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "event"])
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            _without_rows,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
