"""``storefront worker``: rounds of what must happen by itself."""

from __future__ import annotations

import argparse
import signal

from storefront.cli.context import Context
from storefront.services import embedded_metrics
from storefront.services.worker import Worker
from storefront.web import metrics


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("worker", help="expire holds, settle payments, write shipments, refund")
    parser.add_argument("--once", action="store_true", help="one round of every job, then stop")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, context: Context) -> int:
    context.process.stripe.keep_pace()
    worker = Worker(context.process)
    if args.once:
        done = worker.round()
        print(f"One round done: {done} changes.")
        return 0
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    if port := context.settings.worker_metrics_port:
        metrics.serve_worker(port, context.process.stores, worker.heartbeat)
    if context.settings.production:
        embedded_metrics.keep_reporting(context.process, worker.heartbeat)
    worker.run()
    return 0
