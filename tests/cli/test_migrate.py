"""``storefront migrate --check``, and tables that are there already, or may not be made."""

from __future__ import annotations

import http.server
import json
import threading
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from storefront.config import Settings
from storefront.domain.errors import Conflict
from storefront.repositories.dynamodb.client import DynamoDB
from storefront.repositories.dynamodb.tables import make_tables, missing_tables
from storefront.stores import Stores
from tests.cli.conftest import Operator
from tests.support.database import sql


def named(settings: Settings) -> DynamoDB:
    return DynamoDB(settings.model_copy(update={"dynamodb_prefix": f"t{uuid4().hex[:8]}-"}))


def test_what_is_there_is_said_to_be_there(operator: Operator) -> None:
    typed = operator("migrate", "--check")
    assert (typed.status, typed.out) == (0, "Both databases are as this version needs them.\n")


def test_an_older_schema_is_said_and_nothing_is_changed(operator: Operator, stores: Stores) -> None:
    ((head,),) = sql(stores, "SELECT version_num FROM alembic_version")
    sql(stores, "UPDATE alembic_version SET version_num = '0001'")
    try:
        typed = operator("migrate", "--check")
        assert typed.status == 1
        assert "older than this version" in typed.out
        assert sql(stores, "SELECT version_num FROM alembic_version") == [("0001",)]
    finally:
        sql(stores, "UPDATE alembic_version SET version_num = :head", head=head)


def test_missing_tables_are_named_then_made_protected_and_then_left_alone(settings: Settings) -> None:
    dynamodb = named(settings)
    names = [dynamodb.users, dynamodb.deliveries]
    assert missing_tables(dynamodb) == names
    assert make_tables(dynamodb, protected=True) == names
    for name in names:
        assert dynamodb.client.describe_table(TableName=name)["Table"]["DeletionProtectionEnabled"] is True
        backups = dynamodb.client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
        assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"
    assert make_tables(dynamodb, protected=True) == []


def test_a_role_that_may_make_no_table_can_migrate_where_they_are(settings: Settings) -> None:
    dynamodb = named(settings)
    make_tables(dynamodb)

    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "CreateTable")

    dynamodb.client.meta.events.register("before-call.dynamodb.CreateTable", refuse)
    assert make_tables(dynamodb) == []


class Denying(http.server.BaseHTTPRequestHandler):
    """AWS, to a role that may do nothing."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps({"__type": "com.amazonaws#AccessDeniedException", "message": "no"}).encode()
        self.send_response(400)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_a_refusal_of_aws_is_said_by_its_name(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not only that something can't be reached: who deploys has a right to add, and must know which."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Denying) as aws:
        threading.Thread(target=aws.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{aws.server_address[1]}")
        typed = operator("migrate")
        aws.shutdown()
    assert typed.status == 1
    assert typed.err.startswith("storefront: dynamodb (AccessDeniedException): ")
    assert len(typed.err.splitlines()) == 1


def test_a_table_of_somebody_elses_is_refused(settings: Settings) -> None:
    dynamodb = named(settings)
    dynamodb.client.create_table(
        TableName=dynamodb.users,
        AttributeDefinitions=[{"AttributeName": "other", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "other", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    with pytest.raises(Conflict, match="not this shop's"):
        make_tables(dynamodb)
