"""What a load balancer and Prometheus ask."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, jsonify

from storefront.domain.errors import NotFound, PaymentRefused, PaymentUnavailable, StoreUnavailable
from storefront.web import metrics as figures
from storefront.web.context import settings, stores, stripe

health = Blueprint("health", __name__)

NOBODY = UUID(int=0)


@health.get("/healthz")
def alive() -> Response:
    """The process answers; says nothing of the stores, so that an outage restarts nothing."""
    return jsonify(status="ok")


@health.get("/readyz")
def ready() -> Response:
    """503 only without Aurora: nothing works then. What else is away is named, and the shop goes on."""
    try:
        stores().orders.now()
    except StoreUnavailable:
        response = jsonify(status="unavailable", away=["aurora"])
        response.status_code = 503
        response.headers["Retry-After"] = "5"
        return response
    away = [name for name, probe in (("dynamodb", _dynamodb), ("stripe", _stripe)) if not probe()]
    return jsonify(status="degraded" if away else "ok", away=away)


@health.get("/metrics")
def metrics() -> Response:
    if not figures.may_read(settings()):
        raise NotFound("There is nothing here")
    return figures.exposition()


def _dynamodb() -> bool:
    try:
        stores().deliveries.for_tracking(NOBODY)
    except StoreUnavailable:
        return False
    return True


def _stripe() -> bool:
    try:
        stripe().look("pi_0")
    except PaymentUnavailable:
        return False
    except PaymentRefused:
        # It answered that there is no such intent, which is all we wanted to hear.
        pass
    return True
