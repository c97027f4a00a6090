"""What a view may reach for: the settings, and this request's stores."""

from __future__ import annotations

from typing import cast

from flask import current_app, g

from storefront.config import Settings
from storefront.payments.stripe_client import Stripe
from storefront.process import Process
from storefront.stores import Stores


def process() -> Process:
    return cast(Process, current_app.extensions["storefront"])


def settings() -> Settings:
    return process().settings


def stripe() -> Stripe:
    return process().stripe


def stores() -> Stores:
    """This request's stores. They hold no connection between statements, so there is nothing to close."""
    if "stores" not in g:
        g.stores = process().stores()
    return cast(Stores, g.stores)
