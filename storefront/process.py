"""What one process shares between its threads: connection pools and clients."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from storefront.config import Settings
from storefront.mail.mailer import Mailer
from storefront.payments.stripe_client import Stripe
from storefront.repositories.aurora.engine import Engines
from storefront.repositories.aurora.fitness import Fitness
from storefront.repositories.dynamodb.client import DynamoDB
from storefront.resilience.breaker import Breaker
from storefront.resilience.readiness import Health, Monitor
from storefront.stores import Stores

THREADS = 4


class Process:
    """Made once a process, after any fork; hands out stores, one a unit of work."""

    def __init__(self, settings: Settings, pool_size: int = THREADS) -> None:
        self.settings = settings
        self._pool_size = pool_size

    @cached_property
    def engines(self) -> Engines:
        return Engines.of(self.settings, self._pool_size)

    @cached_property
    def dynamodb(self) -> DynamoDB:
        return DynamoDB(self.settings)

    @cached_property
    def stripe(self) -> Stripe:
        return Stripe(self.settings)

    @cached_property
    def mailer(self) -> Mailer:
        return Mailer(self.settings)

    @property
    def breakers(self) -> list[Breaker]:
        """One before each service that this process may have to do without."""
        around = [self.dynamodb.breaker, self.stripe.breaker, self.mailer.breaker]
        return [*around, self.engines.reader_breaker] if self.engines.has_reader else around

    @cached_property
    def health(self) -> Health:
        """Looks at the stores once its monitor is started, which is the web server's to do."""
        probes = {
            "aurora": self.fitness.check,
            "dynamodb": self.dynamodb.probe,
            "stripe": self.stripe.probe,
        }
        if self.engines.has_reader:
            probes["reader"] = self.engines.watch_reader
        return Health(Monitor(probes, untold={"reader"}))

    @cached_property
    def fitness(self) -> Fitness:
        return Fitness(self.settings)

    def close(self) -> None:
        """Give up what it holds open."""
        if "health" in self.__dict__:
            self.health.monitor.stop()
            self.fitness.dispose()
        self.engines.dispose()

    def stores(self, ending: Callable[[], bool] = lambda: False) -> Stores:
        return Stores(self.engines, self.dynamodb, self.settings.calendar, ending)
