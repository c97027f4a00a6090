"""What a load balancer and Prometheus ask."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import text

from storefront.config import Settings
from storefront.process import Process
from storefront.repositories.aurora import fitness
from storefront.stores import Stores
from tests.support.database import read_only_database

NOWHERE = "postgresql://nobody@127.0.0.1:9/none"


@contextmanager
def on_database(client: FlaskClient, process: Process, url: str) -> Iterator[Process]:
    """The client's shop, on another database."""
    other = Process(process.settings.model_copy(update={"database_url": SecretStr(url)}))
    client.application.extensions["storefront"] = other
    yield other
    other.close()
    client.application.extensions["storefront"] = process


def test_alive_says_nothing_of_the_stores(client: FlaskClient, process: Process) -> None:
    with on_database(client, process, NOWHERE):
        answer = client.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_ready_when_all_answer(stripe: str, client: FlaskClient) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok", "away": []})
    assert answer.headers["Cache-Control"] == "no-store"


def test_without_stripe_and_dynamodb_it_serves_and_says_what_is_away(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9")
    answer = client.get("/readyz")
    told = {"status": "degraded", "away": ["dynamodb", "stripe"], "reason": "unreachable"}
    assert (answer.status_code, answer.json) == (200, told)


def unready(client: FlaskClient) -> str:
    """The reason for which it does not serve."""
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    told = answer.json
    assert told is not None
    assert (told["status"], told["away"]) == ("unavailable", ["aurora"])
    return str(told["reason"])


def test_without_aurora_it_does_not_serve(stripe: str, client: FlaskClient, process: Process) -> None:
    with on_database(client, process, NOWHERE):
        assert unready(client) == "unreachable"


def test_with_an_aurora_that_takes_no_writes_it_does_not_serve(
    stripe: str, client: FlaskClient, process: Process, database_url: str
) -> None:
    with read_only_database(database_url) as url, on_database(client, process, url):
        assert unready(client) == "read-only"


def test_with_an_older_schema_it_does_not_serve_and_with_a_newer_one_it_does(
    stripe: str, client: FlaskClient, process: Process, stores: Stores
) -> None:
    needed = fitness.schema_needed()
    assert stores.db.rows(text("SELECT version_num FROM alembic_version"))[0][0].startswith(f"{needed:04}")
    process.fitness = fitness.Fitness(process.settings, needed + 1)
    assert unready(client) == "schema"
    with on_database(client, process, process.settings.database_url.get_secret_value()) as newer:
        newer.fitness = fitness.Fitness(process.settings, needed - 1)
        assert client.get("/readyz").status_code == 200


def test_an_empty_database_is_an_older_schema(
    stripe: str, client: FlaskClient, process: Process, database_url: str
) -> None:
    with on_database(client, process, database_url.replace("/storefront?", "/postgres?")):
        assert unready(client) == "schema"


def test_figures_are_for_loopback_only(client: FlaskClient) -> None:
    here = {"REMOTE_ADDR": "127.0.0.1"}
    assert b"storefront_requests_total" in client.get("/metrics", environ_base=here).data
    assert client.get("/metrics", environ_base={"REMOTE_ADDR": "203.0.113.9"}).status_code == 404
    forwarded = client.get("/metrics", environ_base=here, headers={"X-Forwarded-For": "203.0.113.9"})
    assert forwarded.status_code == 404


def test_with_a_token_figures_are_for_who_bears_it(
    client: FlaskClient, process: Process, settings: Settings
) -> None:
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


def test_invented_methods_make_no_series_of_their_own(client: FlaskClient) -> None:
    for number in range(20):
        client.open("/", method=f"INVENTED{number}")
    told = client.get("/metrics", environ_base={"REMOTE_ADDR": "127.0.0.1"}).text
    assert "INVENTED" not in told
    assert 'method="other"' in told
