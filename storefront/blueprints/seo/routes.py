"""What crawlers read: which pages are theirs, and all products."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Blueprint, Response, current_app, request

from storefront.domain.catalog import ListedProduct
from storefront.domain.errors import NotFound
from storefront.web import streamed
from storefront.web.context import settings, stores
from storefront.web.filters import product_url
from storefront.web.moments import Moment
from storefront.web.pictures import Pictures, pictures
from storefront.web.streamed import xml

seo = Blueprint("seo", __name__)

SITEMAP_SIZE = 25_000
"""So many products a sitemap begins with: while its start is kept as many may come in between, up to the
50,000 addresses that one may hold (https://www.sitemaps.org/protocol.html)."""
KEEP_SECONDS = 3_600
PRIVATE = ("/cart", "/checkout", "/orders", "/track", "/account", "/login", "/register", "/webhooks/")
PAGES = ("/", "/products", "/help", "/returns", "/privacy", "/terms")

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SCHEMA = "http://www.sitemaps.org/schemas/sitemap/0.9"
_IMAGES = "http://www.google.com/schemas/sitemap-image/1.1"


@seo.get("/robots.txt")
def robots() -> Response:
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in PRIVATE)]
    lines += ["", f"Sitemap: {settings().base_url}/sitemap.xml", ""]
    return _public(Response("\n".join(lines), content_type="text/plain; charset=utf-8"))


@seo.get("/sitemap.xml")
def sitemap() -> Response:
    """All listed products; a large catalogue has an index of ``?page=1``, ``2``, … that hold them."""
    products = stores().products
    starts = _starts().get(lambda: products.sitemap_starts(SITEMAP_SIZE))
    page = request.args.get("page", "")
    if not page and len(starts) > 1:
        pieces = _index(settings().base_url, len(starts))
    elif page in ("", *(str(number) for number in range(1, len(starts) + 1))):
        number = int(page or 1)
        until = starts[number] if number < len(starts) else None
        batches = products.sitemap(starts[number - 1], until)
        pieces = _urls(pictures(), batches, PAGES if number == 1 else ())
    else:
        raise NotFound("There is no such sitemap")
    return streamed.answer(pieces, streamed.XML, KEEP_SECONDS)


def _starts() -> Moment[list[str]]:
    """Where each sitemap begins: finding out walks an index, and crawlers come by the hour."""
    kept: Moment[list[str]] = current_app.extensions.setdefault("sitemap_starts", Moment(KEEP_SECONDS))
    return kept


def _index(base: str, count: int) -> Iterator[str]:
    yield f'{_HEAD}<sitemapindex xmlns="{_SCHEMA}">\n'
    for number in range(1, count + 1):
        yield f"<sitemap><loc>{xml(base)}/sitemap.xml?page={number}</loc></sitemap>\n"
    yield "</sitemapindex>\n"


def _urls(drawn: Pictures, batches: Iterator[list[ListedProduct]], pages: tuple[str, ...]) -> Iterator[str]:
    yield f'{_HEAD}<urlset xmlns="{_SCHEMA}" xmlns:image="{_IMAGES}">\n'
    yield "".join(f"<url><loc>{xml(drawn.full(path))}</loc></url>\n" for path in pages)
    for batch in batches:
        yield "".join(_url(drawn, product) for product in batch)
    yield "</urlset>\n"


def _url(drawn: Pictures, product: ListedProduct) -> str:
    address, picture = drawn.full(product_url(product.sku)), drawn.full(drawn.picture(product))
    return (
        f"<url><loc>{xml(address)}</loc><lastmod>{product.changed_at:%Y-%m-%dT%H:%M:%SZ}</lastmod>"
        f"<image:image><image:loc>{xml(picture)}</image:loc></image:image></url>\n"
    )


def _public(response: Response) -> Response:
    response.cache_control.public = True
    response.cache_control.max_age = KEEP_SECONDS
    return response
