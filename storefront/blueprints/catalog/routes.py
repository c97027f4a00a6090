"""Home, list and product pages: the same bytes for every shopper."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, Response, request

from storefront.blueprints.catalog import query as queries
from storefront.domain.catalog import CategoryCount
from storefront.domain.deliveries import estimate
from storefront.domain.errors import NotFound
from storefront.domain.ids import sku_problem
from storefront.web import htmx, page_cache
from storefront.web.context import settings, stores

catalog = Blueprint("catalog", __name__)


@catalog.get("/")
@page_cache.kept()
def home() -> Response:
    return htmx.render("catalog/home.html", part="catalog/home.html", home=stores().products.home(_counts()))


@catalog.get("/products")
@page_cache.kept(*queries.PARAMETERS)
def listing() -> Response:
    query = queries.read(request.args)
    counts = None if query.q else _counts()
    found = stores().products.listing(query, counts)
    status = 404 if query.page > max(found.pages, 1) else 200
    return htmx.render("catalog/list.html", part="catalog/_results.html", status=status, listing=found)


@catalog.get("/products/<path:sku>")
@page_cache.kept()
def product(sku: str) -> Response:
    if sku_problem(sku):
        raise NotFound("We can't find this product")
    products = stores().products
    page = products.page(sku)
    return htmx.render(
        "catalog/product.html",
        part="catalog/product.html",
        product=page,
        related=products.related(page),
        estimate=estimate(datetime.now(settings().zone).date()),
    )


def _counts() -> tuple[CategoryCount, ...]:
    """Counting reads the whole catalogue, so all pages of a second share one answer."""
    return page_cache.moment("categories", stores().products.categories)
