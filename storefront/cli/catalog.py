"""``storefront catalog``: bring products and their pictures in, take products out of the shop."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Protocol

from storefront.cli import progress
from storefront.config import Settings
from storefront.domain.errors import Invalid, NotFound
from storefront.repositories import pictures
from storefront.services.catalog_import import Imported, import_catalog
from storefront.services.pictures import Pictured, make_pictures
from storefront.stores import Stores


class Context(Protocol):
    @property
    def stores(self) -> Stores: ...
    @property
    def settings(self) -> Settings: ...


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    catalog = subparsers.add_parser("catalog", help="import products, take them out of the shop")
    commands = catalog.add_subparsers(dest="catalog_command", required=True, metavar="COMMAND")

    bring = commands.add_parser("import", help="import a CSV or JSON Lines file, plain or gzip")
    bring.add_argument("file", type=Path, metavar="FILE")
    bring.add_argument(
        "--stock", action="store_true", help="set what is on hand of known SKUs too, not only of new ones"
    )
    bring.set_defaults(run=_import)

    images = commands.add_parser(
        "images", help="make the pictures of products whose photographs a folder has"
    )
    images.add_argument("folder", type=Path, metavar="FOLDER")
    images.set_defaults(run=_images)

    for name, listed, words in (
        ("unlist", False, "take a product out of the shop; orders still show it"),
        ("relist", True, "show an unlisted product again"),
    ):
        command = commands.add_parser(name, help=words)
        command.add_argument("sku", metavar="SKU")
        command.set_defaults(run=_list, listed=listed)


def _import(args: argparse.Namespace, context: Context) -> int:
    try:
        with progress.shown() as show:
            done = import_catalog(
                context.stores,
                args.file,
                set_stock=args.stock,
                progress=lambda rows, part: show(f"{rows:,} rows read", part),
            )
    except Invalid as refusal:
        print(f"Nothing was imported: {refusal}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted: nothing was imported. Run it again to import the file.", file=sys.stderr)
        return 130
    print(summary(done))
    return 0


def summary(done: Imported) -> str:
    """The lines an operator reads after an import."""
    same = done.read - len(done.rejects) - done.new - done.changed
    parts = [f"{done.new:,} new", f"{done.changed:,} changed", f"{max(same, 0):,} as they were"]
    if done.stock_changed:
        parts.append(f"stock of {done.stock_changed:,} set")
    lines = [f"{done.read:,} rows: {', '.join(parts)}, {len(done.rejects):,} rejected"]
    if done.pictures_dropped:
        lines.append(
            f"Pictures left out, no http(s) or /static/ address and no file's name: {done.pictures_dropped:,}"
        )
    if done.rejects_path:
        lines.append(f"Rejected rows and reasons: {done.rejects_path}")
    return "\n".join(lines)


def _images(args: argparse.Namespace, context: Context) -> int:
    try:
        with progress.shown() as show:
            done = make_pictures(
                context.stores,
                pictures.of(context.settings),
                args.folder,
                progress=lambda n, of: show(f"{n:,} of {of:,} photographs", n / of if of else 1.0),
            )
    except Invalid as refusal:
        print(f"No pictures were made: {refusal}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted: what was made stays. Run it again to make the rest.", file=sys.stderr)
        return 130
    print(pictured(done))
    return 0


def pictured(done: Pictured) -> str:
    """The lines an operator reads after pictures were made."""
    photographs = done.made + done.same + len(done.bad)
    lines = [
        f"{photographs:,} photographs: {done.made:,} made into pictures, {done.same:,} as they were,"
        f" {len(done.bad):,} bad"
    ]
    lines += [f"{bad.name!a}: {bad.reason}" for bad in done.bad]
    if done.missing:
        lines.append(f"Products without a picture whose photograph is not in the folder: {done.missing:,}")
    return "\n".join(lines)


def _list(args: argparse.Namespace, context: Context) -> int:
    stores = context.stores
    try:
        with stores.transaction():
            changed = (stores.products.relist if args.listed else stores.products.unlist)(args.sku)
    except NotFound as refusal:
        print(refusal, file=sys.stderr)
        return 1
    state = "listed" if args.listed else "unlisted"
    print(f"{args.sku} is {state}" if changed else f"{args.sku} was {state} already")
    return 0
