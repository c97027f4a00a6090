"""The process's DynamoDB client: bounded, retried, and distrustful of replies that were cut off."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, TypedDict

from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from storefront.aws import code_of, is_fault, make_client
from storefront.config import Settings
from storefront.domain.errors import StoreUnavailable
from storefront.resilience.breaker import Breaker

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

UNAVAILABLE = frozenset(
    [
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
        "InternalServerError",
        "ServiceUnavailable",
        "InternalFailure",
        "ResourceNotFoundException",
        "UnrecognizedClientException",
        "ExpiredTokenException",
        "AccessDeniedException",
        "TransactionInProgressException",
        "TransactionConflictException",
        "LimitExceededException",
        "RequestTimeout",
    ]
)

PASSING = frozenset(["TransactionConflict", "ProvisionedThroughputExceeded", "ThrottlingError"])
"""Reasons for which a transaction was cancelled that a moment later may be none."""

NOBODY = "nobody"
"""No item has it as its key."""

CONNECT_SECONDS, READ_SECONDS = 1.0, 2.0
"""A web request has five seconds in all."""

CUT_OFF = "RequestTimeout"
"""What a cut-off reply is turned into. botocore's standard mode looks at the status as it came over the wire,
200, and at the parsed code; this is one of those that it retries."""


class DynamoDB:
    """Holds the one boto3 client of a process, made on first use.

    Never made in a launcher that forks: a client shared over a fork hands out other people's items.
    """

    def __init__(self, settings: Settings, read_seconds: float = READ_SECONDS) -> None:
        self._settings = settings
        self._read_seconds = read_seconds
        self._lock = threading.Lock()
        self._client: DynamoDBClient | None = None
        unavailable = partial(StoreUnavailable, "dynamodb", "breaker")
        self.breaker = Breaker("dynamodb", unavailable, is_fault, probe=self.probe)

    @property
    def users(self) -> str:
        return f"{self._settings.dynamodb_prefix}users"

    @property
    def deliveries(self) -> str:
        return f"{self._settings.dynamodb_prefix}deliveries"

    @property
    def client(self) -> DynamoDBClient:
        if self._client is None:
            with self._lock:
                if self._client is None:
                    self._client = _make_client(self._settings, self._read_seconds)
        return self._client

    @contextmanager
    def asking(self) -> Iterator[DynamoDBClient]:
        """Around each call: through the breaker, its errors in the shop's words.

        Raises:
            StoreUnavailable: as ``dynamo_errors``; at once while it has not been answering.
        """
        with dynamo_errors(), self.breaker.call():
            yield self.client

    def probe(self) -> None:
        """The smallest question, past the breaker.

        Raises:
            StoreUnavailable: it does not answer.
        """
        with dynamo_errors():
            nobody = {"order_id": {"S": NOBODY}, "item": {"S": NOBODY}}
            self.client.get_item(TableName=self.deliveries, Key=nobody)


def _make_client(settings: Settings, read_seconds: float) -> DynamoDBClient:
    client = make_client(
        "dynamodb",
        region_name=settings.aws_region,
        config=Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=read_seconds,
            # Standard mode counts the first try: two in all. boto3's defaults made ten calls in 25 s.
            retries={"mode": "standard", "total_max_attempts": 2},
            max_pool_connections=16,
            tcp_keepalive=True,
        ),
    )
    client.meta.events.register("before-parse.dynamodb", _distrust_short_replies)
    client.meta.events.register("after-call.dynamodb", _refuse_disguised_errors)
    return client


class Reply(TypedDict):
    """A reply as botocore is about to parse it."""

    headers: Mapping[str, str]
    body: bytes
    status_code: int


def _distrust_short_replies(response_dict: Reply, **_: object) -> None:
    """Make a reply whose body was cut off a retryable error.

    botocore parses an empty body as an answer without items, so that a broken connection would read
    as "no such item".
    """
    length = response_dict["headers"].get("content-length")
    if length is None or not str(length).isdigit() or int(length) != len(response_dict["body"]):
        response_dict["status_code"] = 500
        response_dict["body"] = json.dumps({"__type": CUT_OFF, "message": "reply cut off"}).encode()


def _refuse_disguised_errors(http_response: AWSResponse, parsed: Mapping[str, object], **_: object) -> None:
    """After the retries, botocore goes by the HTTP status of the wire; go by what was parsed."""
    if http_response.status_code < 300 and "Error" in parsed:
        raise EndpointConnectionError(endpoint_url="dynamodb")


@contextmanager
def dynamo_errors() -> Iterator[None]:
    """Turn "it is unavailable" into the shop's word; errors with a meaning of their own pass.

    Raises:
        StoreUnavailable: throttled, slow, cut off, refused or not there at all.
    """
    try:
        yield
    except ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code_of(error) in UNAVAILABLE or status >= 500:
            raise StoreUnavailable("dynamodb", code_of(error)) from error
        raise
    except BotoCoreError as error:
        raise StoreUnavailable("dynamodb", code_of(error)) from error


def condition_failed(error: ClientError) -> bool:
    """Whether nothing was written because a condition does not hold, alone or in a transaction."""
    if code_of(error) == "ConditionalCheckFailedException":
        return True
    return "ConditionalCheckFailed" in _cancelled_by(error)


def conflicted(error: ClientError) -> bool:
    """Whether nothing was written because of others on the same items at this moment."""
    if code_of(error) == "TransactionConflictException":
        return True
    return code_of(error) == "TransactionCanceledException" and _cancelled_by(error) <= PASSING


def _cancelled_by(error: ClientError) -> set[str]:
    """Why a transaction was cancelled, over all its items."""
    reasons = error.response.get("CancellationReasons", [])
    return {reason.get("Code", "None") for reason in reasons} - {"None"}
