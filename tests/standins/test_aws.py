"""DynamoDB and SES as stand-ins: what was acknowledged survives kill -9."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from botocore.exceptions import ClientError

from standins.journal import Journal, read, rewrite
from tests.support.processes import Running

TABLE = "users"
KEY = {"user_id": {"S": "u"}, "item": {"S": "profile"}}
ITEM = {**KEY, "picture": {"B": b"\x00\xff"}, "nested": {"M": {"l": {"L": [{"N": "1.50"}, {"B": b"\x01"}]}}}}


class Aws:
    def __init__(self, data: Path) -> None:
        self.data = data
        self.start()

    def start(self) -> None:
        self.running = Running.module("standins.aws", "--port", "0", "--data", str(self.data))
        self.dynamodb = self._client("dynamodb")
        self.ses = self._client("sesv2")

    def _client(self, service: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.running.address,
            region_name="eu-west-1",
            aws_access_key_id="standin",
            aws_secret_access_key="standin",
        )


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    started = Aws(tmp_path_factory.mktemp("aws"))
    yield started
    started.running.kill()


def test_what_was_acknowledged_survives_kill_9_and_a_torn_line(aws: Aws) -> None:
    aws.dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[
            {"AttributeName": "user_id", "KeyType": "HASH"},
            {"AttributeName": "item", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("user_id", "item")],
        BillingMode="PAY_PER_REQUEST",
    )
    aws.dynamodb.create_table(
        TableName="gone",
        KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    aws.dynamodb.delete_table(TableName="gone")
    aws.dynamodb.update_time_to_live(
        TableName=TABLE, TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"}
    )
    aws.dynamodb.put_item(TableName=TABLE, Item=ITEM)
    aws.dynamodb.put_item(TableName=TABLE, Item={**KEY, "item": {"S": "deleted"}})
    aws.dynamodb.delete_item(TableName=TABLE, Key={**KEY, "item": {"S": "deleted"}})
    for _ in range(3):
        aws.dynamodb.update_item(
            TableName=TABLE,
            Key={**KEY, "item": {"S": "count"}},
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )
    refused = {"TableName": TABLE, "Item": KEY, "ConditionExpression": "attribute_not_exists(user_id)"}
    with pytest.raises(ClientError):
        aws.dynamodb.put_item(**refused)
    with pytest.raises(ClientError):
        aws.dynamodb.transact_write_items(
            TransactItems=[
                {"Put": {"TableName": TABLE, "Item": {**KEY, "item": {"S": "never"}}}},
                {"Put": refused},
            ]
        )
    # Twice: first the requests themselves are played, then what they were shortened to.
    for _ in range(2):
        aws.running.kill()
        with (aws.data / "dynamodb.jsonl").open("ab") as journal:
            journal.write(b'{"region":"eu-west-1","operation":"Delet')
        aws.start()
        assert aws.dynamodb.list_tables()["TableNames"] == [TABLE]
        found = {item["item"]["S"]: item for item in aws.dynamodb.scan(TableName=TABLE)["Items"]}
        assert sorted(found) == ["count", "profile"]
        assert found["profile"] == ITEM
        assert found["count"]["n"] == {"N": "3"}
        ttl = aws.dynamodb.describe_time_to_live(TableName=TABLE)["TimeToLiveDescription"]
        assert (ttl["AttributeName"], ttl["TimeToLiveStatus"]) == ("expires", "ENABLED")
    operations = [record["operation"] for record in read(aws.data / "dynamodb.jsonl")]
    assert operations == ["CreateTable", "UpdateTimeToLive", "BatchWriteItem"]


def test_a_sent_mail_is_a_file_only_we_may_read(aws: Aws) -> None:
    head = "From: Shop <shop@example.com>\r\nTo: ann@example.net\r\nSubject: Ordered\r\n\r\n"
    raw = f"{head}Thänk you\r\n".encode()
    sent = aws.ses.send_email(
        FromEmailAddress="Shop <shop@example.com>",
        Destination={"ToAddresses": ["ann@example.net"]},
        Content={"Raw": {"Data": raw}},
    )
    (mail,) = (aws.data / "mail").iterdir()
    assert mail.read_bytes() == raw
    assert sent["MessageId"] in mail.name
    assert mail.suffix == ".eml"
    assert mail.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("path", ["/moto-api/reset", "/moto-api/", "/moto%2Dapi/reset", "/"])
def test_nobody_gets_at_what_is_behind_without_signing(aws: Aws, path: str) -> None:
    assert requests.post(aws.running.address + path, timeout=5).status_code == 404
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request"}
    assert requests.post(aws.running.address + path, headers=signed, timeout=5).status_code == 404


def test_a_journal_damaged_before_its_end_is_not_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    rewrite(path, [{"n": 1}, {"n": 2}])
    journal = Journal(path)
    journal.append({"n": 3})
    assert [record["n"] for record in read(path)] == [1, 2, 3]
    whole = path.read_bytes()
    path.write_bytes(whole + json.dumps({"n": 4}).encode())
    assert [record["n"] for record in read(path)] == [1, 2, 3]
    path.write_bytes(b"{broken\n" + whole)
    with pytest.raises(ValueError, match="damaged at line 1"):
        list(read(path))
