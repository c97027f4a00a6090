"""Everything the server knows of htmx: which requests want a part, and the headers it steers by."""

from __future__ import annotations

from typing import Protocol

from flask import Response, make_response, redirect, render_template, request
from jinja2 import Template
from werkzeug.wrappers import Response as BaseResponse

VARY = "HX-Request, HX-Request-Type, HX-History-Restore-Request"


class Headers(Protocol):
    def get(self, key: str, /) -> str | None: ...


def wants_part() -> bool:
    """Whether htmx asks for a part: not for a whole page, and not to rebuild one it left (Back)."""
    return asks_for_part(request.headers)


def asks_for_part(headers: Headers) -> bool:
    """The same of a request that hasn't reached the app yet; names in lower case."""
    return (
        headers.get("hx-request") is not None
        and headers.get("hx-request-type") != "full"
        and headers.get("hx-history-restore-request") is None
    )


def render(page: str, status: int = 200, **values: object) -> Response:
    """The page, or for htmx only its part, which the page includes.

    The part of ``cart/show.html`` is ``cart/_show.html``; a page without one is its own part.
    """
    partial = wants_part()
    folder, name = page.split("/")
    templates: list[str | Template] = [f"{folder}/_{name}", page] if partial else [page]
    response = make_response(render_template(templates, part=partial, **values), status)
    response.headers["Vary"] = VARY
    return response


def part(template: str, **values: object) -> Response:
    """A part that no page includes: what is swapped in beside the page's own."""
    response = make_response(render_template(template, part=True, **values))
    response.headers["Vary"] = VARY
    return response


def go(location: str) -> BaseResponse:
    """Send the browser to another page: 303 after a form, and for htmx a real navigation."""
    if wants_part():
        response = make_response("", 204)
        response.headers["HX-Redirect"] = location
        response.headers["Vary"] = VARY
        return response
    return redirect(location, 303)
