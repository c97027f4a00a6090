"""A worker's figures in CloudWatch's embedded metric format: lines of its log that become metrics.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
No agent, no port and no right is needed. Alarms and scaling of ``deploy/`` read them.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TextIO

import structlog

from storefront.domain.errors import StoreUnavailable
from storefront.process import Process
from storefront.services import figures
from storefront.services.figures import Figure
from storefront.services.heartbeat import Heartbeat

log = structlog.get_logger()

NAMESPACE = "Storefront"
PAUSE = 20.0
"""Seconds between two reports: alarms look at minutes, and each must have one."""
WATCHED = frozenset(
    [
        "storefront_attention",
        "storefront_breaker_open",
        "storefront_oldest_unmailed_seconds",
        "storefront_oldest_unpaid_seconds",
        "storefront_oldest_unshipped_seconds",
        "storefront_refunds_due",
        "storefront_worker_heartbeat_seconds",
    ]
)
"""What alarms and scaling read; AWS asks money for each metric, so that others stay with Prometheus."""


def lines(told: Iterable[Figure], at: float) -> Iterator[str]:
    """Figures as of ``at``, in seconds since 1970.

    One with a label is told by each value and without it, since an alarm can't add up over a dimension.
    """
    for figure in told:
        if figure.name not in WATCHED:
            continue
        yield _line(figure, figure.total, at)
        if figure.label:
            for label, value in figure.values.items():
                yield _line(figure, value, at, **{figure.label: label})


def _line(figure: Figure, value: float, at: float, **dimensions: str) -> str:
    metric = {"Name": figure.name, "Unit": figure.unit}
    about = {"Namespace": NAMESPACE, "Dimensions": [list(dimensions)], "Metrics": [metric]}
    head = {"Timestamp": int(at * 1000), "CloudWatchMetrics": [about]}
    return json.dumps({"_aws": head, **dimensions, figure.name: value})


def report(process: Process, heartbeat: Heartbeat, to: TextIO) -> None:
    """Write all figures once; what needs Aurora is left out while that does not answer."""
    told = [*figures.of_worker(heartbeat), figures.of_breakers(process.breakers)]
    try:
        told += figures.read(process.stores())
    except StoreUnavailable as error:
        log.warning("figures_missing", store=error.store, code=error.code)
    for line in lines(told, time.time()):
        print(line, file=to, flush=True)


def keep_reporting(process: Process, heartbeat: Heartbeat, pause: float = PAUSE) -> None:
    """From now on, in a thread of its own that waits for no lane: one that hangs is told of."""

    def reports() -> None:
        while True:
            try:
                report(process, heartbeat, sys.stdout)
            except Exception:
                log.exception("report_failed")
            time.sleep(pause)

    threading.Thread(target=reports, name="figures", daemon=True).start()
