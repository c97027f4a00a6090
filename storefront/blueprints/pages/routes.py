"""Plain texts an owner edits."""

from __future__ import annotations

from flask import Blueprint, Response, make_response, render_template

pages = Blueprint("pages", __name__)


def _page(name: str) -> Response:
    response = make_response(render_template(f"pages/{name}.html"))
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
