"""What programs read: the catalogue as merchants' portals want it, a product as JSON, where all that is."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, render_template

from storefront.blueprints.feeds import merchants
from storefront.blueprints.feeds.wording import described
from storefront.domain.errors import NotFound
from storefront.domain.ids import sku_problem
from storefront.web import page_cache, streamed
from storefront.web.context import settings, stores
from storefront.web.pictures import pictures

feeds = Blueprint("feeds", __name__)

KEEP_SECONDS = 900
"""Portals come a few times a day; a stranger who comes more often shall meet a copy."""


@feeds.get("/feeds/products.xml")
def products() -> Response:
    """All listed products (https://support.google.com/merchants/answer/7052112)."""
    pieces = merchants.document(stores().products.feed(), settings(), pictures())
    return streamed.answer(pieces, streamed.XML, KEEP_SECONDS)


@feeds.get("/feeds/products/<path:sku>.json")
@page_cache.cached()
def product(sku: str) -> Response:
    if sku_problem(sku):
        raise NotFound("We can't find this product")
    return jsonify(described(stores().products.in_feeds(sku), settings(), pictures()))


@feeds.get("/llms.txt")
@page_cache.cached()
def llms() -> Response:
    """For programs that read pages in people's stead (https://llmstxt.org)."""
    return Response(render_template("feeds/llms.txt"), content_type="text/plain; charset=utf-8")
