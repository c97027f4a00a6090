"""The formats of values as filters of every template."""

from __future__ import annotations

from flask import Flask

from storefront.config import Settings
from storefront.domain.catalog import LOW_STOCK, SEARCH_MAX
from storefront.formats import Formats
from storefront.wording.statuses import of_order


def register(app: Flask, settings: Settings) -> None:
    formats = Formats(settings)
    for name in (
        "money",
        "number",
        "when",
        "clock",
        "day",
        "country",
        "postal",
        "refund_words",
        "refund_part_words",
    ):
        app.add_template_filter(getattr(formats, name), name)
    app.add_template_filter(of_order, "order_words")
    app.add_template_global(lambda product: formats.picture(product.image_url), "picture")
    app.jinja_env.globals.update(search_most=SEARCH_MAX, low_stock=LOW_STOCK, settings=settings)
