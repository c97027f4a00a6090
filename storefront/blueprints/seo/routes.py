"""What crawlers read: which pages are theirs, and all products."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from flask import Blueprint, Response, current_app, request

from storefront.domain.errors import NotFound
from storefront.repositories.aurora.products import Products
from storefront.web.context import settings, stores
from storefront.web.filters import product_url
from storefront.web.moments import Moment

seo = Blueprint("seo", __name__)

SITEMAP_SIZE = 50_000
"""Most addresses one sitemap may hold (https://www.sitemaps.org/protocol.html)."""
KEEP_SECONDS = 3_600
PRIVATE = ("/cart", "/checkout", "/orders", "/track", "/account", "/login", "/register", "/webhooks/")
PAGES = ("/", "/products", "/help", "/returns", "/privacy", "/terms")

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SCHEMA = "http://www.sitemaps.org/schemas/sitemap/0.9"


@seo.get("/robots.txt")
def robots() -> Response:
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in PRIVATE)]
    lines += ["", f"Sitemap: {settings().base_url}/sitemap.xml", ""]
    return _public(Response("\n".join(lines), content_type="text/plain; charset=utf-8"))


@seo.get("/sitemap.xml")
def sitemap() -> Response:
    """All listed products; past 50,000 an index of ``?page=1``, ``2``, … that hold them."""
    base, products = settings().base_url, stores().products
    starts = _starts().get(lambda: products.sitemap_starts(SITEMAP_SIZE - len(PAGES)))
    page = request.args.get("page", "")
    if not page and len(starts) > 1:
        text: Iterator[str] = _index(base, len(starts))
    elif page in ("", *(str(number) for number in range(1, len(starts) + 1))):
        number = int(page or 1)
        text = _urls(base, products, starts[number - 1], PAGES if number == 1 else ())
    else:
        raise NotFound("There is no such sitemap")
    return _public(Response(text, content_type="application/xml; charset=utf-8"))


def _starts() -> Moment[list[str]]:
    """Where each sitemap begins: finding out reads the whole catalogue, and crawlers come by the hour."""
    kept: Moment[list[str]] = current_app.extensions.setdefault("sitemap_starts", Moment(KEEP_SECONDS))
    return kept


def _index(base: str, count: int) -> Iterator[str]:
    yield f'{_HEAD}<sitemapindex xmlns="{_SCHEMA}">\n'
    for number in range(1, count + 1):
        yield f"<sitemap><loc>{escape(base)}/sitemap.xml?page={number}</loc></sitemap>\n"
    yield "</sitemapindex>\n"


def _urls(base: str, products: Products, after: str, pages: tuple[str, ...]) -> Iterator[str]:
    yield f'{_HEAD}<urlset xmlns="{_SCHEMA}">\n'
    for path in pages:
        yield f"<url><loc>{escape(base + path)}</loc></url>\n"
    for sku, at in products.sitemap(after, SITEMAP_SIZE - len(PAGES)):
        address = escape(base + product_url(sku))
        yield f"<url><loc>{address}</loc><lastmod>{at:%Y-%m-%dT%H:%M:%SZ}</lastmod></url>\n"
    yield "</urlset>\n"


def _public(response: Response) -> Response:
    response.cache_control.public = True
    response.cache_control.max_age = KEEP_SECONDS
    return response
