"""Everything the server knows of htmx: which requests want a part, and the headers it steers by."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, redirect, render_template, request
from werkzeug.wrappers import Response as BaseResponse

VARY = ("HX-Request", "HX-Request-Type")


def wants_part() -> bool:
    """Whether htmx asks for a part: not for a whole page, and not to rebuild one it left (Back)."""
    headers = request.headers
    return (
        "HX-Request" in headers
        and headers.get("HX-Request-Type") != "full"
        and "HX-History-Restore-Request" not in headers
    )


def render(page: str, part: str, status: int = 200, **values: Any) -> Response:
    """The page, or for htmx only its part; the page includes the same part."""
    partial = wants_part()
    response = make_response(render_template(part if partial else page, part=partial, **values), status)
    response.vary.update(VARY)
    return response


def go(location: str) -> BaseResponse:
    """Send the browser to another page: 303 after a form, and for htmx a real navigation."""
    if wants_part():
        response = make_response("", 204)
        response.headers["HX-Redirect"] = location
        response.vary.update(VARY)
        return response
    return redirect(location, 303)
