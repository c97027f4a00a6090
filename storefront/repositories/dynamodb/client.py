"""The process's DynamoDB client: bounded, retried, and distrustful of replies that were cut off."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from storefront.aws import make_client
from storefront.config import Settings
from storefront.domain.errors import StoreUnavailable

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

CONNECT_SECONDS, READ_SECONDS = 1.0, 2.0
"""A web request has five seconds in all."""

CUT_OFF = "RequestTimeout"
"""What a cut-off reply is turned into. botocore's standard mode looks at the status as it came over the wire,
200, and at the parsed code; this is one of those that it retries."""


class DynamoDB:
    """Holds the one boto3 client of a process, made on first use.

    Never made in a launcher that forks: a client shared over a fork hands out other people's items.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._client: DynamoDBClient | None = None

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
                    self._client = _make_client(self._settings)
        return self._client


def _make_client(settings: Settings) -> DynamoDBClient:
    client: DynamoDBClient = make_client(
        "dynamodb",
        region_name=settings.aws_region,
        config=Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            # Standard mode counts the first try: two in all. boto3's defaults made ten calls in 25 s.
            retries={"mode": "standard", "total_max_attempts": 2},
            max_pool_connections=16,
            tcp_keepalive=True,
        ),
    )
    client.meta.events.register("before-parse.dynamodb", _distrust_short_replies)
    client.meta.events.register("after-call.dynamodb", _refuse_disguised_errors)
    return client


def _distrust_short_replies(response_dict: dict[str, Any], **_: Any) -> None:
    """Make a reply whose body was cut off a retryable error.

    botocore parses an empty body as an answer without items, so that a broken connection would read
    as "no such item".
    """
    length = response_dict["headers"].get("content-length")
    if length is None or not str(length).isdigit() or int(length) != len(response_dict["body"]):
        response_dict["status_code"] = 500
        response_dict["body"] = json.dumps({"__type": CUT_OFF, "message": "reply cut off"}).encode()


def _refuse_disguised_errors(http_response: Any, parsed: dict[str, Any], **_: Any) -> None:
    """After the retries, botocore goes by the HTTP status of the wire; go by what was parsed."""
    if http_response.status_code < 300 and "Error" in parsed:
        raise EndpointConnectionError(endpoint_url="dynamodb")


@contextmanager
def dynamo_errors() -> Iterator[None]:
    """Turn "it is away" into the shop's word; errors with a meaning of their own pass.

    Raises:
        StoreUnavailable: throttled, slow, cut off, refused or away.
    """
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in UNAVAILABLE or status >= 500:
            raise StoreUnavailable("dynamodb") from error
        raise
    except BotoCoreError as error:
        raise StoreUnavailable("dynamodb") from error


def condition_failed(error: ClientError) -> bool:
    return error.response.get("Error", {}).get("Code") == "ConditionalCheckFailedException"
