"""What a command works with."""

from __future__ import annotations

from dataclasses import dataclass, field

from storefront.config import Settings
from storefront.process import Process
from storefront.stores import Stores


@dataclass(frozen=True)
class Context:
    """The process of a command and the stores of its one unit of work."""

    process: Process
    stores: Stores = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stores", self.process.stores())

    @property
    def settings(self) -> Settings:
        return self.process.settings
