"""Makes the two tables, as often as it is asked to."""

from __future__ import annotations

from botocore.exceptions import ClientError

from storefront.repositories.dynamodb import keys
from storefront.repositories.dynamodb.client import DynamoDB, dynamo_errors


def make_tables(dynamodb: DynamoDB) -> list[str]:
    """Make the tables that are missing and wait until they serve; their names.

    Raises:
        StoreUnavailable: DynamoDB does not answer.
    """
    made = []
    for table, partition_key in ((dynamodb.users, keys.USERS), (dynamodb.deliveries, keys.DELIVERIES)):
        with dynamo_errors():
            try:
                dynamodb.client.create_table(
                    TableName=table,
                    AttributeDefinitions=[
                        {"AttributeName": partition_key, "AttributeType": "S"},
                        {"AttributeName": "item", "AttributeType": "S"},
                    ],
                    KeySchema=[
                        {"AttributeName": partition_key, "KeyType": "HASH"},
                        {"AttributeName": "item", "KeyType": "RANGE"},
                    ],
                    BillingMode="PAY_PER_REQUEST",
                )
                made.append(table)
            except ClientError as error:
                if error.response["Error"].get("Code") != "ResourceInUseException":
                    raise
            dynamodb.client.get_waiter("table_exists").wait(
                TableName=table, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
            )
    _expire_counters(dynamodb)
    return made


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
