"""``storefront attention``: what needs a person, and taking it off the list."""

from __future__ import annotations

import argparse
import json

from storefront.cli.context import Context
from storefront.domain.attention import AttentionItem
from storefront.services import decisions


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "attention",
        help="list what needs a person, take it off the list",
        description="Exit status 0 whatever is listed.",
    )
    parser.add_argument("--json", action="store_true", help="as one array")
    parser.set_defaults(run=_list)
    commands = parser.add_subparsers(metavar="COMMAND")
    done = commands.add_parser("done", help="somebody has seen to it")
    done.add_argument("id", type=int, metavar="ID")
    done.set_defaults(run=_done)


def _list(args: argparse.Namespace, context: Context) -> int:
    items = context.stores.attention.open()
    if args.json:
        print(json.dumps([_as_json(item) for item in items], indent=2, ensure_ascii=False))
        return 0
    for item in items:
        about = item.number or item.subject
        parcel = f"  parcel {item.code}" if item.code else ""
        print(f"{item.id}  {item.since:%Y-%m-%d %H:%MZ}  {item.kind}  {about}{parcel}\n    {item.text}")
    if not items:
        print("Nothing needs a person.")
    return 0


def _as_json(item: AttentionItem) -> dict[str, object]:
    return {
        "id": item.id,
        "kind": item.kind,
        "subject": item.subject,
        "order_id": str(item.order_id) if item.order_id else None,
        "number": item.number,
        "code": item.code,
        "since": item.since.isoformat(),
        "text": item.text,
    }


def _done(args: argparse.Namespace, context: Context) -> int:
    decisions.done(context.stores, args.id)
    print(f"{args.id} is off the list.")
    return 0
