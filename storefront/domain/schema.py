"""All mapped classes in one place, for migrations."""

from __future__ import annotations

from storefront.domain import cart, catalog, orders
from storefront.domain.base import Base

metadata = Base.metadata
__all__ = ["cart", "catalog", "metadata", "orders"]
