"""Plain texts that an owner writes, in the folder of the brand."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template

from storefront.web.context import settings

pages = Blueprint("pages", __name__)

DAYS_OF_A_YEAR = 365


def _page(name: str) -> Response:
    shop = settings()
    text = shop.house.texts[name]
    years = shop.keep_orders_days // DAYS_OF_A_YEAR
    values = {
        "name": shop.shop_name,
        "contact": shop.contact,
        "currency": shop.currency,
        "keep": f"{years} years" if years > 1 else f"{shop.keep_orders_days} days",
    }
    response = make_response(render_template("pages/text.html", title=text.title, text=text.filled(values)))
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


@pages.get("/help")
def help() -> Response:
    return _page("help")


@pages.get("/returns")
def returns() -> Response:
    return _page("returns")


@pages.get("/privacy")
def privacy() -> Response:
    return _page("privacy")


@pages.get("/terms")
def terms() -> Response:
    return _page("terms")
