"""Home, list and product pages: the same bytes for every shopper."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, request

from storefront.blueprints.catalog import query as queries
from storefront.domain.catalog import CategoryCount
from storefront.domain.errors import NotFound
from storefront.domain.ids import sku_problem
from storefront.web import htmx, page_cache, promise
from storefront.web.context import stores
from storefront.web.moments import Moment

catalog = Blueprint("catalog", __name__)


@catalog.get("/")
@page_cache.cached()
def home() -> Response:
    return htmx.render("catalog/home.html", home=stores().products.home(_counts()))


@catalog.get("/products")
@page_cache.cached(*queries.PARAMETERS)
def listing() -> Response:
    query = queries.read(request.args)
    counts = None if query.q else _counts()
    found = stores().products.listing(query, counts)
    status = 404 if query.page > max(found.pages, 1) else 200
    return htmx.render("catalog/list.html", status=status, listing=found)


@catalog.get("/products/suggestions")
@page_cache.cached("q")
def suggestions() -> Response:
    offered = stores().products.suggestions(queries.typed(request.args), _counts())
    return htmx.render("catalog/suggestions.html", offered=offered)


@catalog.get("/products/<path:sku>")
@page_cache.cached()
def product(sku: str) -> Response:
    if sku_problem(sku):
        raise NotFound("We can't find this product")
    page = stores().products.page(sku)
    return htmx.render(
        "catalog/product.html",
        product=page,
        related=page.related,
        estimate=promise.at_home(),
    )


def _counts() -> tuple[CategoryCount, ...]:
    """Counting reads the whole catalogue, so all pages of a second share one answer."""
    kept: Moment[tuple[CategoryCount, ...]] = current_app.extensions.setdefault(
        "category_counts", Moment(1.0)
    )
    return kept.get(stores().products.categories)
