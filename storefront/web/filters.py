"""The formats of values as filters of every template."""

from __future__ import annotations

from urllib.parse import quote

from flask import Flask

from storefront.config import Settings
from storefront.domain.catalog import LOW_STOCK, SEARCH_MAX, View
from storefront.formats import Formats
from storefront.media import Media
from storefront.wording.statuses import of_order

PATH = "!$&'()*+,/:;=@"
"""What stands for itself in a path (RFC 3986, section 3.3)."""


def register(app: Flask, settings: Settings) -> None:
    formats = Formats(settings)
    for name in (
        "money",
        "number",
        "when",
        "clock",
        "day",
        "country",
        "picture",
        "postal",
        "refund_words",
        "refund_part_words",
    ):
        app.add_template_filter(getattr(formats, name), name)
    app.add_template_filter(of_order, "order_words")
    media = Media(settings)
    app.add_template_filter(media.shown, "shown")

    @app.template_filter()
    def showable(views: tuple[View, ...]) -> list[View]:
        """Those that the page has something to show of."""
        return [one for one in views if media.shown(one.picture, "more") or formats.picture(one.image_url)]

    # Filters and not functions: Jinja looks at each call of a function twice, and lists have hundreds.
    app.add_template_filter(pick)
    app.add_template_filter(product_url)
    app.jinja_env.globals.update(
        search_most=SEARCH_MAX, low_stock=LOW_STOCK, settings=settings, house=settings.house
    )


def pick(text: str, size: int) -> int:
    """A number below ``size``, always the same for one text: a drawn picture gets its look by it."""
    return sum(text.lower().encode()) % size


def product_url(sku: str) -> str:
    """A product's path, as ``url_for`` builds it: lists need two dozen that differ each time."""
    return "/products/" + quote(sku, safe=PATH)
