"""The outbox: mails about accounts that wait for the worker, one item collection of the users table.

A request that writes one item here takes as long for an unknown e-mail address as for a known one.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from botocore.exceptions import ClientError

from storefront.repositories.dynamodb.client import DynamoDB, condition_failed, dynamo_errors

PARTITION = "outbox"
MAIL = "mail#"
PAGE = 100


class AccountMail(StrEnum):
    """Mails about accounts. ``NOTHING`` is written where there is nobody to write to."""

    PASSWORD_RESET = "password_reset"  # noqa: S105 - the name of a mail
    NOTHING = "nothing"


@dataclass(frozen=True)
class Waiting:
    """A mail taken from the outbox by this worker; ``item`` is its sort key."""

    item: str
    kind: AccountMail
    to: str
    data: Mapping[str, str]


class Outbox:
    def __init__(self, dynamodb: DynamoDB) -> None:
        self._dynamodb = dynamodb

    def put(self, kind: AccountMail, to: str, data: Mapping[str, str], *, lifetime: timedelta) -> None:
        """Let a mail be sent, unless ``lifetime`` is over before it can be.

        Raises:
            StoreUnavailable: the outcome is unknown.
        """
        now = datetime.now(UTC)
        with dynamo_errors():
            self._dynamodb.client.put_item(
                TableName=self._dynamodb.users,
                Item={
                    "user_id": {"S": PARTITION},
                    "item": {"S": f"{MAIL}{now.isoformat(timespec='microseconds')}#{secrets.token_hex(8)}"},
                    "kind": {"S": kind},
                    "to": {"S": to},
                    "data": {"S": json.dumps(dict(data))},
                    "expires": {"N": str(int((now + lifetime).timestamp()))},
                },
            )

    def claim(self, limit: int, lease: timedelta) -> list[Waiting]:
        """Take waiting mails, the oldest first, away from other workers until the lease ends.

        Raises:
            StoreUnavailable: DynamoDB is away.
        """
        now = int(time.time())
        with dynamo_errors():
            answer = self._dynamodb.client.query(
                TableName=self._dynamodb.users,
                KeyConditionExpression="user_id = :p AND begins_with(#i, :m)",
                ExpressionAttributeNames={"#i": "item"},
                ExpressionAttributeValues={":p": {"S": PARTITION}, ":m": {"S": MAIL}},
                ConsistentRead=True,
                Limit=PAGE,
            )
        taken: list[Waiting] = []
        for item in answer["Items"]:
            if len(taken) == limit:
                break
            # DynamoDB removes what has expired some time after, so it may still be read here.
            if int(item["expires"]["N"]) <= now:
                self.done(item["item"]["S"])
            elif int(item.get("claimed_until", {"N": "0"})["N"]) <= now and self._claim(
                item["item"]["S"], now, lease
            ):
                taken.append(_waiting(item))
        return taken

    def done(self, item: str) -> None:
        """Nothing is left to send for this one.

        Raises:
            StoreUnavailable: call again.
        """
        with dynamo_errors():
            self._dynamodb.client.delete_item(TableName=self._dynamodb.users, Key=_key(item))

    def later(self, item: str, delay: timedelta) -> None:
        """Give a taken mail back, due again after ``delay``.

        Raises:
            StoreUnavailable: it is due when its lease ends.
        """
        self._set_claim(item, int(time.time() + delay.total_seconds()), "attribute_exists(user_id)", {})

    def _claim(self, item: str, now: int, lease: timedelta) -> bool:
        return self._set_claim(
            item,
            now + int(lease.total_seconds()),
            "attribute_exists(user_id) AND (attribute_not_exists(claimed_until) OR claimed_until <= :now)",
            {":now": {"N": str(now)}},
        )

    def _set_claim(self, item: str, until: int, condition: str, values: dict[str, Any]) -> bool:
        with dynamo_errors():
            try:
                self._dynamodb.client.update_item(
                    TableName=self._dynamodb.users,
                    Key=_key(item),
                    UpdateExpression="SET claimed_until = :until",
                    ConditionExpression=condition,
                    ExpressionAttributeValues={":until": {"N": str(until)}, **values},
                )
            except ClientError as error:
                # Another worker's, or one's own whose first answer was lost: that one waits for the lease.
                if condition_failed(error):
                    return False
                raise
        return True


def _key(item: str) -> dict[str, Any]:
    return {"user_id": {"S": PARTITION}, "item": {"S": item}}


def _waiting(item: dict[str, Any]) -> Waiting:
    return Waiting(
        item=item["item"]["S"],
        kind=AccountMail(item["kind"]["S"]),
        to=item["to"]["S"],
        data=json.loads(item["data"]["S"]),
    )
