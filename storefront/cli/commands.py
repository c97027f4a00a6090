"""The commands by name, and what each is given to work with."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from storefront.cli.place import data_folder

if TYPE_CHECKING:
    from storefront.config import Settings


@dataclass(frozen=True)
class Command:
    """A command of ``storefront.cli.<name>``, whose module is loaded only when it is the one to run.

    ``stores``: it works with the shop's databases; the others make do with the settings. ``stripe``: it
    may call Stripe.
    """

    name: str
    help: str
    stores: bool = True
    stripe: bool = False

    def add_parser(
        self, subparsers: argparse._SubParsersAction[argparse.ArgumentParser], *, chosen: bool
    ) -> None:
        if not chosen:
            subparsers.add_parser(self.name, help=self.help)
            return
        module = importlib.import_module(f"storefront.cli.{self.name}")
        module.add_parser(subparsers)
        subparsers.choices[self.name].set_defaults(command=self)


ALL = (
    Command("serve", "run the shop", stores=False),
    Command("migrate", "bring both databases to the shape this version needs"),
    Command("catalog", "import products and pictures, take products out of the shop"),
    Command("brand", "check a folder of the shop's name, words, colours and marks", stores=False),
    Command("stock", "show, receive and correct stock"),
    Command("orders", "list orders, show one"),
    Command("ship", "write a paid order's shipment, or hand a prepared one to the carrier"),
    Command("track", "record what the carrier says of a parcel"),
    Command("cancel", "end an order before it is sent", stripe=True),
    Command("refund", "give a paid order's money back"),
    Command("attention", "list what needs a person, take it off the list"),
    Command("worker", "expire holds, settle payments, write shipments, refund", stripe=True),
    Command("audit", "check what must stay true, and mend what can be mended", stripe=True),
)


def run(args: argparse.Namespace) -> int:
    """Run the chosen command; its exit status."""
    try:
        with _settings(args.command) as settings:
            # Imported with the settings at hand: these bring in the database drivers and Stripe's library.
            from storefront.cli.context import Context
            from storefront.process import Process
            from storefront.web import logs

            logs.configure(settings)
            process = Process(settings)
            try:
                status: int = args.run(args, Context(process))
                sys.stdout.flush()
                return status
            finally:
                if args.command.stores:
                    process.engines.dispose()
    except BrokenPipeError:
        # Whoever read our output has enough, such as head(1). Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


@contextmanager
def _settings(command: Command) -> Iterator[Settings]:
    """The settings of the shop, for as long as the stores they lead to are there.

    In development that is the running shop of the same STOREFRONT_DATA, or else stand-ins for this command
    alone. In production only the environment counts. Raises ``Refused`` where they can't be reached.
    """
    from storefront.config import Settings

    if not command.stores or Settings().production:
        yield Settings()
        return
    from storefront.cli import standins

    data = data_folder(os.environ)
    with standins.for_command(data, os.environ, stripe=command.stripe) as reached:
        os.environ.update(reached.settings)
        settings = Settings()
        if reached.started:
            # No shop has run on these stores since this version came, or ever.
            from storefront.cli.migrate import migrate

            migrate(settings)
        yield settings
