"""The shop: ``create_app()`` wires its parts together."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from storefront.config import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application. Makes no connection and no client before the first request."""
    # Imported here, so that a command which needs no web page starts without all this.
    from flask import Flask
    from werkzeug.middleware.proxy_fix import ProxyFix

    from storefront.blueprints import register as register_blueprints
    from storefront.config import Settings
    from storefront.process import Process
    from storefront.web import (
        assets,
        csrf,
        departments,
        errors,
        filters,
        limits,
        login,
        logs,
        metrics,
        security,
        shopper,
    )

    settings = settings or Settings()
    app = Flask("storefront", template_folder="../templates", static_folder=None)
    app.extensions["storefront"] = Process(settings)
    app.config.update(
        MAX_CONTENT_LENGTH=security.MAX_BODY,
        MAX_FORM_PARTS=200,
        MAX_FORM_MEMORY_SIZE=security.MAX_BODY,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,
    )
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    logs.configure(settings)
    shopper.configure(app, settings)
    security.register(app, settings)
    csrf.csrf.init_app(app)
    login.register(app)
    limits.register(app)
    errors.register(app)
    filters.register(app, settings)
    departments.register(app)
    metrics.register(app)
    register_blueprints(app)
    assets.Assets().serve(app)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    return app
