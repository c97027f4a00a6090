"""How boto3 clients are made, from one session a process, one at a time; and what all of them share."""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING, Literal, overload

from boto3.session import Session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from storefront import tracing
from storefront.domain.errors import StoreUnavailable
from storefront.resilience import budget

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sesv2 import SESV2Client

STORES = {"dynamodb": "dynamodb", "sesv2": "ses", "s3": "s3"}
"""The names of the services in the shop's errors."""

_making = threading.Lock()


@cache
def _session() -> Session:
    return Session()


@overload
def make_client(service: Literal["dynamodb"], *, region_name: str, config: Config) -> DynamoDBClient: ...
@overload
def make_client(service: Literal["sesv2"], *, region_name: str, config: Config) -> SESV2Client: ...
@overload
def make_client(service: Literal["s3"], *, region_name: str, config: Config) -> S3Client: ...
def make_client(
    service: Literal["dynamodb", "sesv2", "s3"], *, region_name: str, config: Config
) -> DynamoDBClient | SESV2Client | S3Client:
    """A client of an AWS service, to be made after any fork and then shared by the process's threads.

    Clients are safe to share, sessions are not, hence the lock. The session keeps the parsed descriptions of
    the services: reading one takes some 100 ms.
    """
    with _making:
        client = _session().client(service, region_name=region_name, config=config)

    def within_budget(**_: object) -> None:
        # A time-out can't be given to a single call, so an attempt that might end too late isn't begun.
        # botocore repeats no error that it does not know.
        if not budget.allows(config.read_timeout):  # type: ignore[attr-defined]  # Config sets it by its options
            raise StoreUnavailable(STORES[service], "budget")

    client.meta.events.register(f"before-send.{service}", within_budget)
    tracing.trace_aws(client)
    return client


def is_fault(error: BaseException) -> bool:
    """Whether an error tells that the service is unavailable to all: neither throttled nor refusing."""
    if isinstance(error, ClientError):
        return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500
    return isinstance(error, BotoCoreError)


def code_of(error: BotoCoreError | ClientError) -> str:
    """What AWS calls it, for the log."""
    if isinstance(error, ClientError):
        return error.response.get("Error", {}).get("Code", "")
    return type(error).__name__
