"""What a load balancer and Prometheus ask."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from storefront.config import Settings
from storefront.domain.errors import StoreUnavailable
from storefront.process import Process
from storefront.repositories.aurora.orders import Orders
from storefront.repositories.dynamodb.deliveries import Deliveries


def gone(store: str):  # type: ignore[no-untyped-def]
    def raises(*_: object) -> None:
        raise StoreUnavailable(store)

    return raises


def test_alive_says_nothing_of_the_stores(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Orders, "now", gone("aurora"))
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_ready_when_all_answer(stripe: str, client: FlaskClient) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "away": []})


def test_without_stripe_and_dynamodb_it_serves_and_says_what_is_away(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Deliveries, "for_tracking", gone("dynamodb"))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "degraded", "away": ["dynamodb", "stripe"]})


def test_without_aurora_it_does_not_serve(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Orders, "now", gone("aurora"))
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["away"] == ["aurora"]
    assert answer.headers["Retry-After"]


def test_figures_are_for_loopback_only(client: FlaskClient) -> None:
    here = {"REMOTE_ADDR": "127.0.0.1"}
    assert b"storefront_requests_total" in client.get("/metrics", environ_base=here).data
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "203.0.113.9"}).status_code == 404
    forwarded = client.get("/metrics", environ_base=here, headers={"X-Forwarded-For": "203.0.113.9"})
    assert forwarded.status_code == 404


def test_with_a_token_figures_are_for_who_bears_it(
    client: FlaskClient, process: Process, settings: Settings
) -> None:
    from pydantic import SecretStr

    settings.metrics_token = SecretStr("of-the-tests")
    assert client.get("/metrics").status_code == 404
    for wrong in ("Bearer no", "Bearer é", "of-the-tests", ""):
        assert client.get("/metrics", headers={"Authorization": wrong}).status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer of-the-tests"}).status_code == 200


def test_figures_name_no_order_and_nothing_strangers_typed(client: FlaskClient) -> None:
    client.get("/orders/3f0f2c4e-0000-4000-8000-000000000000")
    client.get("/typed-by-a-stranger")
    figures = client.get("/metrics", environ_base={"REMOTE_ADDR": "127.0.0.1"}).text
    assert "3f0f2c4e" not in figures
    assert "typed-by-a-stranger" not in figures
