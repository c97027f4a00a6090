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

    from storefront.blueprints import register as register_blueprints
    from storefront.config import Settings
    from storefront.process import Process
    from storefront.web import (
        around,
        assets,
        csrf,
        errors,
        filters,
        fragments,
        limits,
        login,
        logs,
        navigation,
        order_access,
        page_cache,
        pictures,
        security,
        shopper,
    )

    settings = settings or Settings()
    app = Flask("storefront", template_folder="../templates", static_folder=None)
    app.extensions["storefront"] = Process(settings, settings.web_threads)
    app.config.update(WTF_CSRF_TIME_LIMIT=None, WTF_CSRF_SSL_STRICT=False)
    app.jinja_environment = fragments.Templates
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    logs.configure(settings)
    shopper.configure(app, settings)
    security.register(app)
    around.register(app, settings)
    csrf.csrf.init_app(app)
    login.register(app)
    limits.register(app)
    errors.register(app)
    order_access.register(app)
    filters.register(app, settings)
    pictures.register(app, settings)
    navigation.register(app)
    register_blueprints(app)
    fragments.register(app)
    page_cache.register(app)
    assets.Assets(brand=settings.house.folder).serve(app)
    _wrap(app, settings.trusted_proxies)
    return app


def _wrap(app: Flask, proxies: int) -> None:
    """What stands before Flask: a budget for each request, and what proxies tell of the client."""
    from werkzeug.middleware.proxy_fix import ProxyFix

    from storefront import tracing
    from storefront.resilience.budget import WithinBudget

    app.wsgi_app = WithinBudget(app.wsgi_app)  # type: ignore[method-assign]  # the documented way to wrap an app
    if tracing.on():
        from storefront.web import traces

        traces.register(app)
    if proxies:
        # One proxy ends TLS, and Host reaches us as the client sent it: a forwarded one is the client's own.
        proxied = ProxyFix(app.wsgi_app, x_for=proxies, x_proto=1, x_host=0)
        app.wsgi_app = proxied  # type: ignore[method-assign]  # Flask's documented way to wrap an app
