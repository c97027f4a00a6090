"""Where Stripe and the carrier tell what happened. Signed over the raw body, safe to repeat."""

from __future__ import annotations

import structlog
from flask import Blueprint, Response, request

from storefront.blueprints.webhooks.carrier import ParcelBooked, read_carrier_event
from storefront.domain.errors import NotFound
from storefront.domain.parcels import CarrierEvent
from storefront.services import carrier_events, parcels
from storefront.services.carrier_events import Outcome
from storefront.services.payments.webhooks import handle
from storefront.web.context import settings, stores
from storefront.web.context import stripe as stripe_client
from storefront.web.csrf import csrf

log = structlog.get_logger()
webhooks = Blueprint("webhooks", __name__, url_prefix="/webhooks")
csrf.exempt(webhooks)


@webhooks.post("/stripe")
def stripe() -> Response:
    event = stripe_client().read_event(request.get_data(), request.headers.get("Stripe-Signature", ""))
    handle(stores(), stripe_client(), event)
    log.info("stripe_event", type=event.type, order_id=event.order_id)
    return _ok()


@webhooks.post("/carrier")
def carrier() -> Response:
    secret = settings().carrier_webhook_secret.get_secret_value()
    told = read_carrier_event(
        secret, request.get_data(), {name.lower(): value for name, value in request.headers}
    )
    match told:
        case CarrierEvent():
            return _ok(202 if carrier_events.record(stores(), told) is Outcome.KEPT else 200)
        case ParcelBooked():
            _book(told)
    return _ok()


def _book(told: ParcelBooked) -> None:
    if told.number is None:
        raise NotFound("No order has this number")
    parcels.book(stores(), stores().orders.find_number(told.number), told.booking)


def _ok(status: int = 200) -> Response:
    return Response("ok", status, content_type="text/plain")
