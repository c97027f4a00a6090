"""The departments in every page's header: the largest categories of the catalogue."""

from __future__ import annotations

from flask import Flask, g

from storefront.domain.errors import StoreUnavailable
from storefront.web.context import stores
from storefront.web.page_cache import Kept

SECONDS = 60
"""Departments seldom change, and counting them reads the whole catalogue."""
MOST = 7


def register(app: Flask) -> None:
    kept: Kept[tuple[str, ...]] = Kept(SECONDS)

    def departments() -> tuple[str, ...]:
        """Names, largest first; none while Aurora is away, since error pages have a header too."""
        if g.get("aurora_away"):
            # This page tells of it: a second wait would take the request past its bound.
            return ()
        try:
            return kept.get("departments", _largest)
        except StoreUnavailable:
            return ()

    app.add_template_global(departments, "departments")


def _largest() -> tuple[str, ...]:
    return tuple(count.name for count in stores().products.categories() if count.name)[:MOST]
