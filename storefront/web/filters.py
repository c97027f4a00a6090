"""The formats of values as filters of every template."""

from __future__ import annotations

from flask import Flask

from storefront.config import Settings
from storefront.domain.catalog import LOW_STOCK
from storefront.formats import Formats


def register(app: Flask, settings: Settings) -> None:
    formats = Formats(settings)
    for name in ("money", "number", "when", "clock", "day", "country"):
        app.add_template_filter(getattr(formats, name), name)
    app.add_template_global(lambda product: formats.picture(product.image_url), "picture")
    app.add_template_global(LOW_STOCK, "low_stock")  # type: ignore[arg-type]
    app.add_template_global(settings, "settings")  # type: ignore[arg-type]
