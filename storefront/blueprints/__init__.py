"""The shop's features, each a blueprint of its own."""

from __future__ import annotations

from flask import Flask

from storefront.blueprints.accounts import passwords as _passwords  # noqa: F401 - adds its routes
from storefront.blueprints.accounts import profile as _profile  # noqa: F401 - as above
from storefront.blueprints.accounts.routes import accounts
from storefront.blueprints.addresses.routes import addresses
from storefront.blueprints.cart.routes import cart
from storefront.blueprints.catalog.routes import catalog
from storefront.blueprints.checkout.routes import checkout
from storefront.blueprints.dev_mail.routes import dev_mail
from storefront.blueprints.feeds.routes import feeds
from storefront.blueprints.health.routes import health
from storefront.blueprints.lookup.routes import lookup
from storefront.blueprints.media.routes import media
from storefront.blueprints.orders.routes import orders
from storefront.blueprints.pages.routes import pages
from storefront.blueprints.payment_methods.routes import payment_methods
from storefront.blueprints.payments.routes import payments
from storefront.blueprints.pictures.routes import drawings
from storefront.blueprints.seo.routes import seo
from storefront.blueprints.webhooks.routes import webhooks


def register(app: Flask) -> None:
    for blueprint in (
        catalog,
        cart,
        checkout,
        orders,
        payments,
        lookup,
        accounts,
        addresses,
        payment_methods,
        webhooks,
        pages,
        health,
        seo,
        media,
        feeds,
        drawings,
        dev_mail,
    ):
        app.register_blueprint(blueprint)
