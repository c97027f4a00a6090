"""What a shop needs on one machine: stand-ins, started in order, and the settings that lead to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from storefront.standins.children import Child, Crew
from storefront.standins.kept import kept_port, kept_secrets
from storefront.standins.occupancy import InUse, Occupancy, attach
from storefront.standins.postgres import Postgres

__all__ = ["InUse", "Machine", "Needs", "attach", "stores"]

Environment = Mapping[str, str]


@dataclass(frozen=True)
class Needs:
    """Which stand-ins an environment asks for, by naming no outside service in their place."""

    postgres: bool
    dynamodb: bool
    mail: bool
    stripe: bool
    carrier: bool

    @classmethod
    def of(cls, environment: Environment) -> Self:
        if environment.get("STOREFRONT_ENV", "development") != "development":
            return cls(postgres=False, dynamodb=False, mail=False, stripe=False, carrier=False)

        def missing(*names: str) -> bool:
            return not any(environment.get(name) for name in names)

        return cls(
            postgres=missing("STOREFRONT_DATABASE_URL"),
            dynamodb=missing("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"),
            mail=missing("AWS_ENDPOINT_URL_SESV2", "AWS_ENDPOINT_URL"),
            stripe=missing("STOREFRONT_STRIPE_KEY", "STOREFRONT_STRIPE_API_BASE"),
            carrier=missing("STOREFRONT_CARRIER_WEBHOOK_SECRET"),
        )

    @property
    def any(self) -> bool:
        return self.postgres or self.dynamodb or self.mail or self.stripe or self.carrier


class Machine:
    """The stand-ins of one data folder, whose lock the caller holds.

    ``settings`` is what they add to ``environment``; what that gives itself is never changed.
    """

    def __init__(self, data: Path, environment: Environment) -> None:
        self.crew = Crew()
        self.settings: dict[str, str] = {}
        self.postgres: Postgres | None = None
        self._data = data.resolve()
        self._given = dict(environment)
        self._needs = Needs.of(environment)
        if self._needs.any:
            self._data.mkdir(parents=True, exist_ok=True)
            self._secrets = kept_secrets(self._data)
            self._add(STOREFRONT_STANDINS="1", STOREFRONT_SECRET_KEY=self._secrets["secret_key"])

    @property
    def environment(self) -> dict[str, str]:
        """For children: what was given, and what the stand-ins add."""
        return self._given | lacking(self.settings, self._given)

    def start_stores(self, stripe_webhook: str | None = None) -> None:
        """PostgreSQL, moto and, where given the address for its events (it may be empty), Stripe.

        As far as they are needed. Raises ``RuntimeError`` when one doesn't start.
        """
        children = [self._aws()] if self._needs.dynamodb or self._needs.mail else []
        if stripe_webhook is not None and self._needs.stripe:
            children.append(self._stripe(stripe_webhook))
        for child in children:  # each takes a second to get ready; PostgreSQL starts meanwhile
            child.start()
            self.crew.add(child)
        if self._needs.postgres:
            self.postgres = Postgres(self._data)
            self._add(STOREFRONT_DATABASE_URL=self.postgres.start())
            self.crew.add(self.postgres)
        for child in children:
            child.await_ready()

    def agree_with_carrier(self) -> None:
        """Give the shop the secret by which it knows the carrier's reports."""
        if self._needs.carrier:
            self._add(STOREFRONT_CARRIER_WEBHOOK_SECRET=self._secrets["carrier_webhook_secret"])

    def start_carrier(self, webhook_url: str) -> None:
        """Last: it works on the shop's own tables, which must be there."""
        if not self._needs.carrier:
            return
        carrier = self._standin("carrier", ["--webhook-url", webhook_url, "--data", str(self._data)], {})
        carrier.start()
        self.crew.add(carrier)
        carrier.await_ready()

    def stop(self) -> None:
        self.crew.stop()

    def _aws(self) -> Child:
        port = kept_port(self._data, "aws")
        address = f"http://127.0.0.1:{port}"
        if self._needs.dynamodb:
            self._add(AWS_ENDPOINT_URL_DYNAMODB=address)
        if self._needs.mail:
            self._add(AWS_ENDPOINT_URL_SESV2=address, STOREFRONT_MAIL_FOLDER=str(self._data / "mail"))
        self._add(AWS_ACCESS_KEY_ID="standin", AWS_SECRET_ACCESS_KEY="standin")
        return self._standin("aws", ["--port", str(port), "--data", str(self._data)], {})

    def _stripe(self, webhook_url: str) -> Child:
        port = kept_port(self._data, "stripe")
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

    def _standin(self, name: str, options: list[str], secrets: Environment) -> Child:
        command = ["-m", f"storefront.standins.{name}", *options]
        return Child(name, command, {**self.environment, **secrets}, announces=True)

    def _add(self, **settings: str) -> None:
        self.settings |= settings


def lacking(settings: Environment, environment: Environment) -> dict[str, str]:
    """Those settings that the environment leaves out or empty."""
    return {name: value for name, value in settings.items() if not environment.get(name)}


@contextmanager
def stores(data: Path, environment: Environment, *, stripe: bool = False) -> Iterator[dict[str, str]]:
    """The settings that a command lacks to reach the shop's stores, for as long as it runs.

    Those of the shop that runs with ``data``, or else of stand-ins started for this command alone: without
    Stripe's unless asked for, and always without a carrier. Raises ``InUse`` when another command keeps the
    folder to itself for too long, and ``RuntimeError`` when a stand-in doesn't start.
    """
    if not Needs.of(environment).any:
        yield {}
        return
    running = attach(data)
    if running is None:
        try:
            occupancy = Occupancy(data, "command")
        except InUse:
            running = attach(data)
            if running is None:
                raise
    if running is not None:
        yield lacking(running, environment)
        return
    machine = Machine(data, environment)
    try:
        machine.start_stores(stripe_webhook="" if stripe else None)
        machine.agree_with_carrier()
        yield lacking(machine.settings, environment)
    finally:
        machine.stop()
        occupancy.release()
