"""The log says what a store said: PostgreSQL's sqlstate, AWS's code. Shoppers read that something is away."""

from __future__ import annotations

from botocore.exceptions import ClientError
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from structlog.testing import capture_logs

from storefront.process import Process
from storefront.services.worker import Worker
from storefront.stores import Stores
from storefront.web.context import stores as of_request
from tests.support.factories import order
from tests.support.till import capture


def deny(process: Process) -> None:
    """From now on, all that this process asks of DynamoDB."""

    def denied(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetItem")

    process.dynamodb.client.meta.events.register("before-call.dynamodb", denied)


def test_a_pages_line_has_awss_code(client: FlaskClient, process: Process) -> None:
    deny(process)
    with capture_logs() as told:
        answer = client.post("/login", data={"email": "ada@example.com", "password": "tin lantern at sea"})
    assert answer.status_code == 503
    (line,) = [one for one in told if one["event"] == "store_unavailable"]
    assert (line["cause"], line["code"]) == ("ClientError", "AccessDeniedException")
    assert "AccessDenied" not in answer.text


def test_a_pages_line_has_the_sqlstate(app: Flask, client: FlaskClient) -> None:
    def slow() -> str:
        database = of_request().db
        with database.transaction():
            database.session.execute(text("SET LOCAL statement_timeout = '20ms'"))
            database.session.execute(text("SELECT pg_sleep(2)"))
        return ""

    endpoint = app.url_map.bind("localhost").match("/help")[0]
    app.view_functions[endpoint] = lambda **_: slow()
    with capture_logs() as told:
        answer = client.get("/help")
    assert answer.status_code == 503
    (line,) = [one for one in told if one["event"] == "store_unavailable"]
    assert line["code"] == "57014"
    assert "57014" not in answer.text


def test_a_workers_line_has_the_code_and_the_job(process: Process, stores: Stores) -> None:
    capture(stores, order(stores))
    deny(process)
    with capture_logs() as told:
        Worker(process, without=("mail", "payments", "holds")).round()
    postponed = [one for one in told if one["event"] == "job_postponed" and one["job"] == "ship"]
    assert [one["code"] for one in postponed] == ["AccessDeniedException"]
