"""Domain errors and HTTP errors into answers, in one table: a readable page, or a part for htmx."""

from __future__ import annotations

import structlog
from flask import Flask, Response, g, request
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import BadHost, HTTPException

from storefront.domain import errors
from storefront.web import htmx

log = structlog.get_logger()

STATUS: tuple[tuple[type[errors.ShopError], int], ...] = (
    (errors.NotFound, 404),
    (errors.ChangeRefused, 403),
    (errors.Invalid, 422),
    (errors.Conflict, 409),
    (errors.StoreUnavailable, 503),
    (errors.PaymentUnavailable, 503),
    (errors.PaymentRefused, 409),
    (errors.TooMuch, 429),
    (errors.BadSignature, 400),
    (errors.Malformed, 400),
    (errors.NotKnownYet, 503),
)

TITLES = {
    400: "We can't read this request",
    403: "This is not allowed",
    404: "We can't find this page",
    405: "This address works differently",
    408: "This took too long",
    409: "Things have moved on",
    411: "This request has no length",
    413: "This is too large",
    422: "There is a problem",
    429: "Too many tries",
    500: "Something went wrong on our side",
    503: "We'll be right back",
}

NOT_HERE = "It isn't here"
"""Over a sentence that says what can't be found: the page itself was."""

RETRY_AFTER = "5"
"""Seconds: what a failover of Aurora or a throttled DynamoDB usually takes."""


def register(app: Flask) -> None:
    app.register_error_handler(errors.ShopError, _shop_error)
    app.register_error_handler(CSRFError, _csrf_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(BadHost, _bad_host)
    app.register_error_handler(Exception, _bug)


def answer(status: int, message: str, title: str | None = None) -> Response:
    response = htmx.render(
        "errors/error.html",
        status=status,
        title=title or TITLES.get(status, TITLES[400] if status < 500 else TITLES[500]),
        message=message,
        retry=status in (408, 429, 503),
    )
    response.status_code = status
    if status == 503:
        response.headers["Retry-After"] = RETRY_AFTER
    return response


def status_of(error: errors.ShopError) -> int:
    return next(status for kind, status in STATUS if isinstance(error, kind))


def _shop_error(error: errors.ShopError) -> Response:
    status = status_of(error)
    if status == 503:
        kind, cause = type(error).__name__, type(error.__cause__).__name__
        code = getattr(error, "code", "")
        log.warning("store_unavailable", endpoint=request.endpoint, kind=kind, cause=cause, code=code)
        g.aurora_unavailable = isinstance(error, errors.StoreUnavailable) and error.store == "aurora"
    response = answer(status, str(error), title=NOT_HERE if status == 404 else None)
    if isinstance(error, errors.TooMuch):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _csrf_error(_error: CSRFError) -> Response:
    return answer(
        400, "This page has been open for too long, or its cookie is gone. Go back, reload it, try again."
    )


def _bad_host(_error: BadHost) -> Response:
    """Without a host that can be read no link can be written, so no page either."""
    return Response("The request names no host that can be.", 400, content_type="text/plain; charset=utf-8")


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:
        return Response(error.get_response().get_data(), status, error.get_headers())
    words = {
        404: "The address may be mistyped, or what was here is gone.",
        405: "This address takes a form, not a visit. Nothing was changed.",
        413: "What was sent is larger than this shop takes. Nothing was changed.",
    }
    response = answer(status, words.get(status, error.description or ""))
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            response.headers[name] = value
    return response


def _bug(error: Exception) -> Response:
    log.error("unexpected_error", endpoint=request.endpoint, exc_info=error)
    return answer(500, "Nothing was charged by this page; please try again.")
