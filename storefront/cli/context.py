"""What a command works with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from storefront.config import Settings
from storefront.process import Process
from storefront.stores import Stores


@dataclass(frozen=True)
class Context:
    """The process of a command and the stores of its one unit of work."""

    process: Process

    @cached_property
    def stores(self) -> Stores:
        return self.process.stores()

    @property
    def settings(self) -> Settings:
        return self.process.settings
