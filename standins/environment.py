"""What a shop needs on one machine: stand-ins, started in order, and the settings that lead to them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from standins.folder_lock import FolderLock, InUse, attach
from standins.local_state import port_of, secrets_of
from standins.postgres import Postgres
from storefront.cli.standins import Reached, Service, Standins, Variables, needed
from storefront.supervisor import Child, Supervisor


class Environment:
    """The stand-ins of one data folder, whose lock the caller holds.

    ``settings`` is what they add to what was ``given``; what that says itself is never changed.
    """

    demo_catalog: Path | None = Path(__file__).parent / "demo" / "catalog.csv"

    def __init__(self, data: Path, given: Variables) -> None:
        self.supervisor = Supervisor()
        self.settings: dict[str, str] = {}
        self._data = data.resolve()
        self._given = dict(given)
        self._needed = needed(given)
        if self._needed:
            self._data.mkdir(parents=True, exist_ok=True)
            self._secrets = secrets_of(self._data)
            self._add(STOREFRONT_STANDINS="1", STOREFRONT_SECRET_KEY=self._secrets["secret_key"])

    @property
    def variables(self) -> dict[str, str]:
        """For children: what was given, and what the stand-ins add."""
        return self._given | lacking(self.settings, self._given)

    def start_stores(self, stripe_webhook: str | None = None) -> None:
        """PostgreSQL, moto and, where given the address for its events (it may be empty), Stripe.

        As far as they are needed. Raises ``RuntimeError`` when one doesn't start.
        """
        children = [self._aws()] if self._needed & {Service.DYNAMODB, Service.MAIL} else []
        if stripe_webhook is not None and Service.STRIPE in self._needed:
            children.append(self._stripe(stripe_webhook))
        for child in children:  # each takes a second to get ready; PostgreSQL starts meanwhile
            child.start()
            self.supervisor.add(child)
        if Service.POSTGRES in self._needed:
            postgres = Postgres(self._data)
            self._add(STOREFRONT_DATABASE_URL=postgres.start())
            self.supervisor.add(postgres)
        for child in children:
            child.await_ready()

    def agree_with_carrier(self) -> None:
        """Give the shop the secret by which it knows the carrier's reports."""
        if Service.CARRIER in self._needed:
            self._add(STOREFRONT_CARRIER_WEBHOOK_SECRET=self._secrets["carrier_webhook_secret"])

    def start_carrier(self, webhook_url: str) -> None:
        """Last: it works on the shop's own tables, which must be there."""
        if Service.CARRIER not in self._needed:
            return
        carrier = self._standin("carrier", ["--webhook-url", webhook_url, "--data", str(self._data)], {})
        carrier.start()
        self.supervisor.add(carrier)
        carrier.await_ready()

    def stop(self) -> None:
        self.supervisor.stop()

    def _aws(self) -> Child:
        port = port_of(self._data, "aws")
        address = f"http://127.0.0.1:{port}"
        if Service.DYNAMODB in self._needed:
            self._add(AWS_ENDPOINT_URL_DYNAMODB=address)
        if Service.MAIL in self._needed:
            self._add(AWS_ENDPOINT_URL_SESV2=address, STOREFRONT_MAIL_FOLDER=str(self._data / "mail"))
        self._add(AWS_ACCESS_KEY_ID="standin", AWS_SECRET_ACCESS_KEY="standin")
        return self._standin("aws", ["--port", str(port), "--data", str(self._data)], {})

    def _stripe(self, webhook_url: str) -> Child:
        port = port_of(self._data, "stripe")
        key, webhook_secret = self._secrets["stripe_key"], self._secrets["stripe_webhook_secret"]
        # The shop is on 127.0.0.1, so this makes it another site to the browser, as Stripe is.
        origin = f"http://localhost:{port}"
        self._add(
            STOREFRONT_STRIPE_KEY=key,
            STOREFRONT_STRIPE_WEBHOOK_SECRET=webhook_secret,
            STOREFRONT_STRIPE_API_BASE=origin,
            STOREFRONT_STRIPE_CHECKOUT_ORIGIN=origin,
        )
        options = ["--port", str(port), "--data", str(self._data / "stripe"), "--webhook-url", webhook_url]
        # By environment: arguments can be read by everybody on the machine.
        secrets = {"STANDIN_STRIPE_KEY": key, "STANDIN_STRIPE_WEBHOOK_SECRET": webhook_secret}
        return self._standin("stripe", options, secrets)

    def _standin(self, name: str, options: list[str], secrets: Variables) -> Child:
        command = ["-m", f"standins.{name}", *options]
        return Child(name, command, {**self.variables, **secrets}, announces=True)

    def _add(self, **settings: str) -> None:
        self.settings |= settings


def lacking(settings: Variables, given: Variables) -> dict[str, str]:
    """Those settings that the environment leaves out or empty."""
    return {name: value for name, value in settings.items() if not given.get(name)}


@contextmanager
def for_shop(data: Path, given: Variables, address: str) -> Iterator[Environment]:
    """All stand-ins that a shop at ``address`` needs, for as long as it runs, and ``data`` for it alone.

    Commands find them there. Raises ``InUse`` and, when a stand-in doesn't start, ``RuntimeError``.
    """
    lock = FolderLock(data, "shop")
    here = {"STOREFRONT_BASE_URL": address}
    environment = Environment(data, here | dict(given))
    try:
        environment.start_stores(stripe_webhook=f"{address}/webhooks/stripe")
        environment.agree_with_carrier()
        lock.publish(here | environment.settings)
        yield environment
    finally:
        environment.stop()
        lock.release()


@contextmanager
def for_command(data: Path, given: Variables, *, stripe: bool = False) -> Iterator[Reached]:
    """The settings that a command lacks to reach the shop's stores, for as long as it runs.

    Those of the shop that runs with ``data``, or else of stand-ins started for this command alone: without
    Stripe's unless asked for, and always without a carrier. Raises ``InUse`` when another command keeps the
    folder to itself for too long, and ``RuntimeError`` when a stand-in doesn't start.
    """
    running = attach(data)
    if running is None:
        try:
            lock = FolderLock(data, "command")
        except InUse:
            running = attach(data)
            if running is None:
                raise
    if running is not None:
        yield Reached(lacking(running, given), started=False)
        return
    environment = Environment(data, given)
    try:
        environment.start_stores(stripe_webhook="" if stripe else None)
        environment.agree_with_carrier()
        yield Reached(lacking(environment.settings, given), started=True)
    finally:
        environment.stop()
        lock.release()


if TYPE_CHECKING:
    # The commands find this module by name, so here it is that mypy compares it with what they expect.
    from standins import environment as _this  # noqa: PLW0406 - see above

    _offered: Standins = _this
