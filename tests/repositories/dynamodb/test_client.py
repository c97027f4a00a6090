"""The process's DynamoDB client: bounded, retried, distrustful."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from storefront.config import Settings
from storefront.domain.errors import StoreUnavailable
from storefront.repositories.dynamodb.client import (
    UNAVAILABLE,
    DynamoDB,
    Reply,
    _distrust_short_replies,
    condition_failed,
    dynamo_errors,
)
from tests.support.concurrency import at_once


def error(code: str, status: int = 400) -> ClientError:
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "Query")  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    "raised",
    [
        *(error(code) for code in sorted(UNAVAILABLE)),
        error("SomethingNew", 500),
        error("SomethingNew", 503),
        EndpointConnectionError(endpoint_url="x"),
        ReadTimeoutError(endpoint_url="x"),
    ],
    ids=str,
)
def test_in_whatever_way_it_is_unavailable_it_reads_the_same(raised: Exception) -> None:
    with pytest.raises(StoreUnavailable) as caught, dynamo_errors():
        raise raised
    assert caught.value.store == "dynamodb"


@pytest.mark.parametrize(
    "code", ["ConditionalCheckFailedException", "ValidationException", "TransactionCanceledException"]
)
def test_errors_with_a_meaning_of_their_own_pass(code: str) -> None:
    with pytest.raises(ClientError), dynamo_errors():
        raise error(code)


def test_a_failed_condition_is_told_from_others() -> None:
    assert condition_failed(error("ConditionalCheckFailedException"))
    assert not condition_failed(error("ValidationException"))


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"content-length": "10"}, b"{}"),
        ({"content-length": "1"}, b"{}"),
        ({"content-length": "x"}, b"{}"),
        ({"content-length": "-2"}, b"{}"),
        ({}, b"{}"),
        ({"content-length": "2"}, b""),
    ],
)
def test_a_reply_that_is_not_as_long_as_it_says_is_an_error(headers: dict[str, str], body: bytes) -> None:
    reply: Reply = {"headers": headers, "body": body, "status_code": 200}
    _distrust_short_replies(reply)
    assert reply["status_code"] == 500


def test_a_whole_reply_is_left_alone() -> None:
    reply: Reply = {"headers": {"content-length": "2"}, "body": b"{}", "status_code": 200}
    _distrust_short_replies(reply)
    assert reply == {"headers": {"content-length": "2"}, "body": b"{}", "status_code": 200}


def test_a_process_has_one_client_made_on_first_use(settings: Settings) -> None:
    one = DynamoDB(settings)
    assert one._client is None
    done = at_once(*[lambda: one.client] * 8)
    assert len({id(client) for client in done.results}) == 1


def test_waits_are_bounded(settings: Settings) -> None:
    config: Any = DynamoDB(settings).client.meta.config  # its attributes are made up as it runs
    assert (config.connect_timeout, config.read_timeout) == (1, 2)
    assert config.retries is not None
    assert config.retries["total_max_attempts"] == 2


def test_tables_carry_their_prefix(settings: Settings) -> None:
    one = DynamoDB(settings.model_copy(update={"dynamodb_prefix": "x-"}))
    assert (one.users, one.deliveries) == ("x-users", "x-deliveries")
