"""``storefront audit``: whether what must stay true is true."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import timedelta

from storefront import audit
from storefront.cli import progress
from storefront.cli.context import Context
from storefront.domain.errors import ShopError
from storefront.services.worker import Worker


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "audit",
        help="check what must stay true, and mend what can be mended",
        description="Exit status 1 when something is broken or could not be asked about.",
    )
    parser.add_argument("--json", action="store_true", help="findings as one array")
    parser.add_argument("--stripe", action="store_true", help="compare with Stripe's books too")
    parser.add_argument(
        "--days",
        type=_days,
        default=audit.SINCE.days,
        metavar="N",
        help=f"how far back to ask Stripe, by when an order was placed (default {audit.SINCE.days})",
    )
    parser.add_argument("--repair", action="store_true", help="mend what can be mended safely")
    parser.set_defaults(run=run)


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 99_999):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days in plain digits")
    return int(text)


def run(args: argparse.Namespace, context: Context) -> int:
    result = _audit(args, context)
    if args.repair and result.findings:
        _repair(result.findings, context)
        result = _audit(args, context)
    if args.json:
        print(json.dumps([finding.as_json() for finding in result.findings], indent=2, ensure_ascii=False))
    else:
        for finding in result.findings:
            way_out = "storefront audit --repair mends this." if finding.repairable else finding.advice
            print(f"{finding.invariant}: {finding.message}. {way_out}".rstrip())
    for store in result.unanswered:
        print(f"{store} does not answer, so nothing is known about it.", file=sys.stderr)
    if result.sound and not args.json:
        print(f"All invariants hold ({result.orders:,} orders, {result.products:,} products).")
    return 0 if result.sound else 1


def _audit(args: argparse.Namespace, context: Context) -> audit.Audit:
    with progress.shown() as show:
        return audit.audit(
            context.stores,
            context.settings.currency,
            stripe=context.process.stripe if args.stripe else None,
            since=timedelta(days=args.days),
            progress=lambda what, done, of: show(f"{what}: {done:,} of {of:,}", done / of if of else 1.0),
        )


def _repair(findings: list[audit.Finding], context: Context) -> None:
    """Mend one by one, then let a worker's round do what was made due. Told on standard error."""
    tools = audit.Tools(context.stores, context.process.stripe)
    for finding in findings:
        if not finding.repairable:
            continue
        try:
            print(f"Mended {finding.invariant}: {audit.repair(tools, finding)}.", file=sys.stderr)
        except ShopError as error:
            print(f"Not mended {finding.invariant}: {finding.message}: {error}", file=sys.stderr)
    Worker(context.process).round()
