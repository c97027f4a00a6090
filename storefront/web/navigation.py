"""The departments in every page's header: the brand's first ones, then the largest."""

from __future__ import annotations

from flask import Flask, g

from storefront.domain.catalog import CategoryCount, ProductCard
from storefront.domain.errors import StoreUnavailable
from storefront.web.context import settings, stores
from storefront.web.moments import Moment

Door = tuple[CategoryCount, ProductCard]
SECONDS = 60
"""Departments seldom change, and counting them reads the whole catalogue."""
MOST = 7


def register(app: Flask) -> None:
    def departments() -> tuple[str, ...]:
        """Their names; none while Aurora is unavailable, since error pages have a header too."""
        if g.get("aurora_unavailable"):
            # This page tells of it: a second wait would take the request past its bound.
            return ()
        largest: Moment[tuple[str, ...]] = app.extensions.setdefault("departments", Moment(SECONDS))
        try:
            return largest.get(_largest)
        except StoreUnavailable:
            return ()

    @app.template_filter()
    def in_order(doors: tuple[Door, ...]) -> list[Door]:
        """Departments with what shows them, in the header's order."""
        return sorted(doors, key=lambda door: _place(door[0].name))

    app.add_template_global(departments, "departments")


def _largest() -> tuple[str, ...]:
    names = [count.name for count in stores().products.categories() if count.name]
    return tuple(sorted(names, key=_place))[:MOST]


def _place(department: str) -> int:
    """By which the brand's come first and in its order, and the others stay as they were."""
    first = settings().house.words.departments
    return first.index(department) if department in first else len(first)
