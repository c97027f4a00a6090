"""The console script ``storefront``: thin commands that call services."""

from __future__ import annotations

import argparse
import sys

from pydantic import ValidationError

from storefront.cli.refused import Refused
from storefront.domain.errors import ShopError, StoreUnavailable


def main(arguments: list[str] | None = None) -> int:
    """Run one command; its exit status: 0 done, 1 refused or found wrong, 2 misused."""
    from storefront.cli import commands

    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="storefront", description="The shop, and what its operators do.")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in commands.ALL:
        command.add_parser(subparsers, chosen=command.name in arguments[:1])
    args = parser.parse_args(arguments)
    try:
        return commands.run(args)
    except StoreUnavailable as error:
        # What shoppers are told names no store. Operators have to know which, and what it said.
        print(f"storefront: {error.store} ({error.code or 'no answer'}): {error}", file=sys.stderr)
        return 1
    except (ShopError, Refused) as error:
        print(f"storefront: {error}", file=sys.stderr)
        return 1
    except ValidationError as error:
        for problem in error.errors():
            where = ".".join(str(part) for part in problem["loc"]) or "settings"
            print(f"storefront: setting {where}: {problem['msg']}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
