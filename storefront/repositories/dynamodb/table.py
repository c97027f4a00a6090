"""One DynamoDB table in the shop's words: items whole in and out, conditions, transactions, all pages.

What a repository wants written is a value (``Put``, ``Update``, ``Delete``, ``Check``), which goes alone by
``write`` or with others by ``transact``. Requests name no attribute and no value that no expression uses:
DynamoDB refuses those.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict, TypeVar

from botocore.exceptions import ClientError

from storefront.domain.errors import StoreUnavailable
from storefront.repositories.dynamodb.client import DynamoDB, condition_failed, conflicted

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        AttributeValueTypeDef,
        KeysAndAttributesUnionTypeDef,
        QueryInputTypeDef,
        TransactWriteItemTypeDef,
    )

AttributeValue: TypeAlias = "AttributeValueTypeDef"
Item: TypeAlias = "Mapping[str, AttributeValueTypeDef]"
"""An item, a key or a part of either, by attribute: ``{"hits": {"N": "3"}}``."""
Values: TypeAlias = "Mapping[str, AttributeValueTypeDef]"
"""What stands in an expression as ``:name``."""

T = TypeVar("T")

CONFLICT_TRIES = 5
"""How often a write is tried that meets other transactions on its items."""
MOST_IN_ONE = 100
"""Items that one transaction may touch, and that one batch may read."""
THROTTLE_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds before what a batch left out is asked for again."""


class ConditionFailed(Exception):
    """Nothing was written: a condition does not hold, or a repeat met its own write. Repositories turn it
    into what it means for them; it does not leave this room."""


@dataclass(frozen=True)
class Condition:
    """What must hold of an item for it to be written. ``names`` are for attributes with reserved words."""

    expression: str
    values: Values = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


ALWAYS = Condition("")
EXISTS = Condition("attribute_exists(#item)", names={"#item": "item"})
"""The item is there: every item of both tables has its sort key, ``item``."""
MISSING = Condition("attribute_not_exists(#item)", names={"#item": "item"})


@dataclass(frozen=True)
class Put:
    """A whole item, in place of the one with its key."""

    item: Item
    when: Condition = ALWAYS


@dataclass(frozen=True)
class Update:
    """Some attributes of an item, which is made if ``when`` lets it be missing."""

    key: Item
    expression: str
    values: Values = field(default_factory=dict)
    when: Condition = ALWAYS
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Delete:
    key: Item
    when: Condition = ALWAYS


@dataclass(frozen=True)
class Check:
    """Writes nothing: a condition on an item beside those that a transaction writes."""

    key: Item
    when: Condition


Action: TypeAlias = "Put | Update | Delete | Check"


class _Expressions(TypedDict, total=False):
    ConditionExpression: str
    ExpressionAttributeNames: Mapping[str, str]
    ExpressionAttributeValues: Values
    ReturnValuesOnConditionCheckFailure: Literal["ALL_OLD", "NONE"]
    """Never set: the requests' types ask of a part of them that it could be."""


class Table:
    """A table whose every item has a partition key and the sort key ``item``."""

    def __init__(
        self, dynamodb: DynamoDB, name: str, throttle_pauses: Sequence[float] = THROTTLE_PAUSES
    ) -> None:
        self._dynamodb = dynamodb
        self._name = name
        self._throttle_pauses = throttle_pauses

    def get(self, key: Item) -> Item | None:
        """An item, by a consistent read.

        Raises:
            StoreUnavailable: DynamoDB is unavailable, which is never told as "no such item".
        """
        with self._dynamodb.asking() as client:
            answer = client.get_item(TableName=self._name, Key=key, ConsistentRead=True)
        return answer.get("Item")

    def get_many(self, keys: Sequence[Item], attributes: Sequence[str]) -> list[Item]:
        """These attributes of up to 100 items, by a consistent read; items that are not there are left out.

        Raises:
            StoreUnavailable: DynamoDB is unavailable, or throttles for longer than is worth waiting.
        """
        names = {f"#{name}": name for name in attributes}
        asked: Mapping[str, KeysAndAttributesUnionTypeDef] = {
            self._name: {
                "Keys": keys,
                "ConsistentRead": True,
                "ProjectionExpression": ", ".join(names),
                "ExpressionAttributeNames": names,
            }
        }
        found: list[Item] = []
        for pause in (*self._throttle_pauses, None):
            with self._dynamodb.asking() as client:
                answer = client.batch_get_item(RequestItems=asked)
            found += answer["Responses"].get(self._name, [])
            asked = answer.get("UnprocessedKeys") or {}
            if not asked:
                return found
            if pause is not None:
                time.sleep(pause)
        raise StoreUnavailable("dynamodb")

    def query(
        self,
        partition: Item,
        prefix: str = "",
        *,
        consistent: bool = True,
        page: int | None = None,
        newest: int | None = None,
    ) -> Iterator[Item]:
        """The items of a partition whose sort keys begin with ``prefix``, in the order of their sort keys;
        with ``newest`` at most so many, the last first.

        All of them: DynamoDB ends an answer at 1 MB or ``page`` items, and the next is asked for when the
        caller has come to its end.

        Raises:
            StoreUnavailable: DynamoDB is unavailable; raised while the items are read.
        """
        ((attribute, value),) = partition.items()
        request: QueryInputTypeDef = {
            "TableName": self._name,
            "KeyConditionExpression": "#partition = :partition",
            "ExpressionAttributeNames": {"#partition": attribute},
            "ExpressionAttributeValues": {":partition": value},
            "ConsistentRead": consistent,
        }
        if prefix:
            request["KeyConditionExpression"] = "#partition = :partition AND begins_with(#item, :prefix)"
            request["ExpressionAttributeNames"] = {"#partition": attribute, "#item": "item"}
            request["ExpressionAttributeValues"] = {":partition": value, ":prefix": {"S": prefix}}
        if page is not None:
            request["Limit"] = page
        if newest is not None:
            request |= {"ScanIndexForward": False, "Limit": newest}
        while True:
            with self._dynamodb.asking() as client:
                answer = client.query(**request)
            yield from answer["Items"]
            if newest is not None or not answer.get("LastEvaluatedKey"):
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def write(self, action: Put | Update | Delete) -> Item:
        """Write one item; the attributes that an update has set, as they are now.

        Raises:
            ConditionFailed: nothing was written.
            StoreUnavailable: the outcome may be unknown.
        """
        name, expressions = self._name, _expressions(action)
        match action:
            case Put():
                self._settle(lambda client: client.put_item(TableName=name, Item=action.item, **expressions))
            case Delete():
                self._settle(lambda client: client.delete_item(TableName=name, Key=action.key, **expressions))
            case Update():
                answer = self._settle(
                    lambda client: client.update_item(
                        TableName=name,
                        Key=action.key,
                        UpdateExpression=action.expression,
                        ReturnValues="UPDATED_NEW",
                        **expressions,
                    )
                )
                return answer.get("Attributes", {})
        return {}

    def transact(self, *actions: Action) -> None:
        """Write all of it or nothing.

        Raises:
            ConditionFailed: nothing was written.
            StoreUnavailable: the outcome may be unknown.
        """
        items = [self._in_transaction(action) for action in actions]
        self._settle(lambda client: client.transact_write_items(TransactItems=items))

    def _in_transaction(self, action: Action) -> TransactWriteItemTypeDef:
        expressions = _expressions(action)
        match action:
            case Put():
                return {"Put": {"TableName": self._name, "Item": action.item, **expressions}}
            case Delete():
                return {"Delete": {"TableName": self._name, "Key": action.key, **expressions}}
            case Update():
                return {
                    "Update": {
                        "TableName": self._name,
                        "Key": action.key,
                        "UpdateExpression": action.expression,
                        **expressions,
                    }
                }
            case Check():
                return {
                    "ConditionCheck": {
                        "TableName": self._name,
                        "Key": action.key,
                        "ConditionExpression": action.when.expression,
                        **expressions,
                    }
                }

    def _settle(self, write: Callable[[DynamoDBClient], T]) -> T:
        """Write, anew when others' transactions are on the same items at this moment: then nothing of it
        stands, and they soon are not."""
        for attempt in range(CONFLICT_TRIES):
            with self._dynamodb.asking() as client:
                try:
                    return write(client)
                except ClientError as error:
                    if condition_failed(error):
                        raise ConditionFailed from None
                    if not conflicted(error):
                        raise
            time.sleep(random.uniform(0, 0.04 * (attempt + 1)))
        raise StoreUnavailable("dynamodb")


def _expressions(action: Action) -> _Expressions:
    when, expressions = action.when, _Expressions()
    names, values = dict(when.names), dict(when.values)
    if isinstance(action, Update):
        names |= action.names
        values |= action.values
    if when.expression:
        expressions["ConditionExpression"] = when.expression
    if names:
        expressions["ExpressionAttributeNames"] = names
    if values:
        expressions["ExpressionAttributeValues"] = values
    return expressions
