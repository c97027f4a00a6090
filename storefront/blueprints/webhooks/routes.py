"""Where Stripe and the carrier tell what happened. Signed over the raw body, safe to repeat."""

from __future__ import annotations

import structlog
from flask import Blueprint, Response, request

from storefront.blueprints.webhooks.carrier import read_carrier_event
from storefront.domain.errors import NotFound, NotKnownYet
from storefront.services import stripe_events, tracking
from storefront.web.context import settings, stores
from storefront.web.context import stripe as stripe_client
from storefront.web.csrf import csrf

log = structlog.get_logger()
webhooks = Blueprint("webhooks", __name__, url_prefix="/webhooks")
csrf.exempt(webhooks)


@webhooks.post("/stripe")
def stripe() -> Response:
    event = stripe_client().read_event(request.get_data(), request.headers.get("Stripe-Signature", ""))
    stripe_events.handle(stores(), stripe_client(), event, settings().currency)
    log.info("stripe_event", type=event.type, order_id=event.order_id)
    return _ok()


@webhooks.post("/carrier")
def carrier() -> Response:
    secret = settings().carrier_webhook_secret.get_secret_value()
    event = read_carrier_event(
        secret, request.get_data(), {name.lower(): value for name, value in request.headers}
    )
    if event is not None:
        try:
            tracking.record(stores(), event)
        except NotFound as missing:
            raise NotKnownYet(str(missing)) from None
    return _ok()


def _ok() -> Response:
    return Response("ok", content_type="text/plain")
