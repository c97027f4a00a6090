"""The departments in every page's header: the largest categories of the catalogue."""

from __future__ import annotations

from flask import Flask, g

from storefront.domain.errors import StoreUnavailable
from storefront.web.context import stores
from storefront.web.moments import Moment

SECONDS = 60
"""Departments seldom change, and counting them reads the whole catalogue."""
MOST = 7


def register(app: Flask) -> None:
    def departments() -> tuple[str, ...]:
        """Names, largest first; none while Aurora is unavailable, since error pages have a header too."""
        if g.get("aurora_unavailable"):
            # This page tells of it: a second wait would take the request past its bound.
            return ()
        largest: Moment[tuple[str, ...]] = app.extensions.setdefault("departments", Moment(SECONDS))
        try:
            return largest.get(_largest)
        except StoreUnavailable:
            return ()

    app.add_template_global(departments, "departments")


def _largest() -> tuple[str, ...]:
    return tuple(count.name for count in stores().products.categories() if count.name)[:MOST]
