"""The Flask application: the API, the hosted pages and the test controls on one port."""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from . import api, control, faults, pages
from .errors import ApiError
from .store import Store
from .webhooks import Deliverer

LARGEST_BODY = 1 << 20


def create_app(store: Store, deliverer: Deliverer, api_key: str, merchant: str) -> Flask:
    app = Flask(__name__, static_folder="assets", static_url_path="/assets")
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        MAX_FORM_MEMORY_SIZE=LARGEST_BODY,
        # A page elsewhere must not reach a loopback service under a name of its own.
        TRUSTED_HOSTS=["localhost", "127.0.0.1"],
    )
    ordered = faults.Faults()
    app.register_blueprint(api.blueprint(store, api_key))
    app.register_blueprint(pages.blueprint(store, merchant))
    app.register_blueprint(control.blueprint(store, ordered, deliverer))

    @app.before_request
    def _fault() -> None:
        if request.path.startswith(("/v1/", "/c/")):
            g.fault = ordered.take(request.method, request.path)

    @app.after_request
    def _headers(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    @app.errorhandler(faults.Cut)
    def _cut(_: faults.Cut) -> Response:
        return faults.cut()

    @app.errorhandler(ApiError)
    def _refused(error: ApiError) -> Any:
        return error.body(), error.status

    @app.errorhandler(404)
    @app.errorhandler(405)
    def _not_found(error: HTTPException) -> Any:
        return api.not_found() if request.path.startswith("/v1/") else error

    @app.get("/")
    def home() -> Any:
        return {"service": "Stripe stand-in", "base": store.base}

    return app
