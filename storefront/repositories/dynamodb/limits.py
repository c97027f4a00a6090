"""Counters that all processes share: tries within a window of time."""

from __future__ import annotations

import time

from botocore.exceptions import ClientError

from storefront.repositories.dynamodb import keys
from storefront.repositories.dynamodb.client import DynamoDB, condition_failed, dynamo_errors


class Counters:
    """Each window begins with its first try. DynamoDB removes items past their ``expires`` some time
    after, so until then every use looks at it itself."""

    def __init__(self, dynamodb: DynamoDB) -> None:
        self._dynamodb = dynamodb

    def hit(self, name: str, seconds: int, amount: int = 1) -> int:
        """Count, and tell how many there are in the window that is ``seconds`` long.

        Raises:
            StoreUnavailable: DynamoDB is away.
        """
        for _ in range(3):
            counted = self._add(name, seconds, amount) or self._begin(name, seconds, amount)
            if counted is not None:
                return counted
        return amount

    def _add(self, name: str, seconds: int, amount: int) -> int | None:
        """Into the window that is open, or a first one; None when the last one is over."""
        now = int(time.time())
        with dynamo_errors():
            try:
                answer = self._dynamodb.client.update_item(
                    TableName=self._dynamodb.users,
                    Key=keys.counter(name),
                    UpdateExpression="SET #e = if_not_exists(#e, :e) ADD hits :n",
                    ConditionExpression="attribute_not_exists(#e) OR #e > :now",
                    ExpressionAttributeNames={"#e": "expires"},
                    ExpressionAttributeValues={
                        ":e": {"N": str(now + seconds)},
                        ":now": {"N": str(now)},
                        ":n": {"N": str(amount)},
                    },
                    ReturnValues="UPDATED_NEW",
                )
            except ClientError as error:
                if condition_failed(error):
                    return None
                raise
        return int(answer["Attributes"]["hits"]["N"])

    def _begin(self, name: str, seconds: int, amount: int) -> int | None:
        """A new window in place of one that is over; None when somebody else was first."""
        now = int(time.time())
        with dynamo_errors():
            try:
                self._dynamodb.client.put_item(
                    TableName=self._dynamodb.users,
                    Item={
                        **keys.counter(name),
                        "hits": {"N": str(amount)},
                        "expires": {"N": str(now + seconds)},
                    },
                    ConditionExpression="#e <= :now",
                    ExpressionAttributeNames={"#e": "expires"},
                    ExpressionAttributeValues={":now": {"N": str(now)}},
                )
            except ClientError as error:
                if condition_failed(error):
                    return None
                raise
        return amount

    def read(self, name: str) -> tuple[int, int]:
        """How many are counted, and when the window ends (seconds since 1970); zeros without one.

        Raises:
            StoreUnavailable: DynamoDB is away.
        """
        with dynamo_errors():
            answer = self._dynamodb.client.get_item(
                TableName=self._dynamodb.users, Key=keys.counter(name), ConsistentRead=True
            )
        item = answer.get("Item")
        if item is None or int(item["expires"]["N"]) <= time.time():
            return 0, 0
        return int(item["hits"]["N"]), int(item["expires"]["N"])

    def clear(self, name: str) -> None:
        """Forget a counter.

        Raises:
            StoreUnavailable: DynamoDB is away.
        """
        with dynamo_errors():
            self._dynamodb.client.delete_item(TableName=self._dynamodb.users, Key=keys.counter(name))
