"""The two tables: looked at first, and made only where they are missing: not every role may make them."""

from __future__ import annotations

from collections.abc import Iterator

from botocore.exceptions import ClientError

from storefront.domain.errors import Conflict
from storefront.repositories.dynamodb import keys
from storefront.repositories.dynamodb.client import DynamoDB, dynamo_errors

SORT_KEY = "item"


def missing_tables(dynamodb: DynamoDB) -> list[str]:
    """The names of the tables that are not there.

    Raises:
        Conflict: one is there, and has other keys.
        StoreUnavailable: DynamoDB does not answer.
    """
    return [
        table for table, partition_key in _tables(dynamodb) if not _is_there(dynamodb, table, partition_key)
    ]


def make_tables(dynamodb: DynamoDB, *, protected: bool = False) -> list[str]:
    """Make the tables that are missing and wait until they serve; their names.

    ``protected``: none can be deleted by mistake, and each can be restored to any second of the last 35 days.

    Raises:
        Conflict, StoreUnavailable: as ``missing_tables``.
    """
    missing = missing_tables(dynamodb)
    for table, partition_key in _tables(dynamodb):
        if table in missing:
            _make(dynamodb, table, partition_key, protected=protected)
    _expire_counters(dynamodb)
    return missing


def _tables(dynamodb: DynamoDB) -> Iterator[tuple[str, str]]:
    yield dynamodb.users, keys.USERS
    yield dynamodb.deliveries, keys.DELIVERIES


def _is_there(dynamodb: DynamoDB, table: str, partition_key: str) -> bool:
    with dynamo_errors():
        try:
            described = dynamodb.client.describe_table(TableName=table)["Table"]
        except ClientError as error:
            if error.response["Error"].get("Code") == "ResourceNotFoundException":
                return False
            raise
    found = {one["KeyType"]: one["AttributeName"] for one in described.get("KeySchema", [])}
    if found != {"HASH": partition_key, "RANGE": SORT_KEY}:
        raise Conflict(f"The DynamoDB table {table} has the keys {found}, and is not this shop's")
    return True


def _make(dynamodb: DynamoDB, table: str, partition_key: str, *, protected: bool) -> None:
    with dynamo_errors():
        try:
            dynamodb.client.create_table(
                TableName=table,
                AttributeDefinitions=[
                    {"AttributeName": partition_key, "AttributeType": "S"},
                    {"AttributeName": SORT_KEY, "AttributeType": "S"},
                ],
                KeySchema=[
                    {"AttributeName": partition_key, "KeyType": "HASH"},
                    {"AttributeName": SORT_KEY, "KeyType": "RANGE"},
                ],
                BillingMode="PAY_PER_REQUEST",
                DeletionProtectionEnabled=protected,
            )
        except ClientError as error:
            # Another that migrates at once was faster.
            if error.response["Error"].get("Code") != "ResourceInUseException":
                raise
        dynamodb.client.get_waiter("table_exists").wait(
            TableName=table, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        if protected:
            dynamodb.client.update_continuous_backups(
                TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
            )


def _expire_counters(dynamodb: DynamoDB) -> None:
    """Items with an ``expires`` attribute (seconds since 1970) are removed by DynamoDB some time after."""
    with dynamo_errors():
        state = dynamodb.client.describe_time_to_live(TableName=dynamodb.users)
        if state["TimeToLiveDescription"].get("TimeToLiveStatus") in ("ENABLED", "ENABLING"):
            return
        dynamodb.client.update_time_to_live(
            TableName=dynamodb.users,
            TimeToLiveSpecification={"Enabled": True, "AttributeName": "expires"},
        )
