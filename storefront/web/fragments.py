"""What pages need again and again, made once for the same values: addresses, icons, parts of pages.

A page would otherwise build the same forty addresses and escape the same few hundred words for each request.
"""

from __future__ import annotations

from collections.abc import Hashable, MutableMapping
from functools import lru_cache
from typing import Any

from flask import Flask
from flask.templating import Environment
from jinja2.runtime import Macro
from markupsafe import Markup

PARTS = 1024
CARDS = 4096
"""Each some 700 bytes, or 1,800 with pictures of several widths; a shelf of neighbours or another order
shows the same ones again."""
ADDRESSES = 2048
MACROS = "macros/"
"""The templates whose macros every other may use by name."""


class Templates(Environment):
    """Flask's environment, whose templates share its globals: laid over one another, as Jinja does for
    templates that bring their own, they are copied one by one for each page and each part of it."""

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        return super().make_globals(d) if d else self.globals


def register(app: Flask) -> None:
    """After the blueprints: addresses are built from their routes."""
    environment = app.jinja_env
    # Paths alone, so the host doesn't show.
    routes = app.url_map.bind("shop")

    @lru_cache(maxsize=ADDRESSES)
    def url_for(endpoint: str, **values: Hashable) -> str:
        return routes.build(endpoint, values)

    @lru_cache(maxsize=PARTS)
    def kept(template: str, **values: Hashable) -> Markup:
        """A part that depends on these values alone; the request's own are not to be had in it."""
        return Markup(environment.get_template(template).render(values))  # noqa: S704 - the template escapes

    environment.globals.update(url_for=url_for, kept=kept)
    for words in environment.list_templates(filter_func=lambda name: name.startswith(MACROS)):
        # Imported in each template, they would be looked up among everything that the page was given.
        macros = vars(environment.get_template(words).module)
        environment.globals |= {name: macro for name, macro in macros.items() if isinstance(macro, Macro)}
    # Those that are asked for the same again; a filter is called at once, a function by way of the context.
    keep = lru_cache(maxsize=PARTS)
    environment.globals["icon"] = keep(environment.globals["icon"])  # type: ignore[arg-type]  # a macro is called
    keep = lru_cache(maxsize=CARDS)
    environment.filters["card"] = keep(environment.globals.pop("card"))  # type: ignore[arg-type]  # as above
