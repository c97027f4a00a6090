"""The shop's app, which fails where it is asked to: within Flask, where a page tells of it, and before."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from flask import Flask, request

from storefront import create_app


def make() -> Flask:
    app = create_app()

    @app.before_request
    def within() -> None:
        if request.args.get("fail") == "within":
            warnings.warn("an odd thing", stacklevel=1)
            raise RuntimeError("within")

    inner = app.wsgi_app

    def before(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ["QUERY_STRING"] == "fail=before":
            raise RuntimeError("before")
        return inner(environ, start_response)

    app.wsgi_app = before  # type: ignore[method-assign]  # the documented way to wrap an app
    return app
