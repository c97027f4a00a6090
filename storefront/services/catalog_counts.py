"""Keeps the counts of categories cheap to read."""

from __future__ import annotations

from storefront.stores import Stores


def fold(stores: Stores) -> int:
    """Put a category's many changes together; how much was done."""
    with stores.transaction():
        return int(stores.products.fold_counts())
