"""``storefront brand check FOLDER``: what an owner's folder lacks before a shop can run with it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storefront.cli.context import Context


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "brand", help="check a folder of the shop's name, words, colours and marks"
    )
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    checked = actions.add_parser("check", help="say what is missing, unreadable or hard to read")
    checked.add_argument("folder", type=Path, metavar="FOLDER")
    parser.set_defaults(run=check)


def check(args: argparse.Namespace, _context: Context) -> int:
    from storefront.brand import contrast
    from storefront.brand.folder import BadBrand, read

    try:
        brand = read(args.folder)
    except BadBrand as error:
        found = error.problems
    else:
        name = args.folder / "brand.toml"
        found = [f"{name}: colours: {problem}" for problem in contrast.problems(brand.words.colours)]
    for problem in found:
        print(problem)
    if not found:
        print(f"{args.folder}: {brand.words.name} is ready")
    return 1 if found else 0
