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

from storefront.repositories.dynamodb import keys
from storefront.repositories.dynamodb.client import DynamoDB
from storefront.repositories.dynamodb.table import (
    EXISTS,
    Condition,
    ConditionFailed,
    Delete,
    Item,
    Put,
    Table,
    Update,
)

PAGE = 100
"""Mails read at a time: a round ends as soon as it has taken enough."""


class AccountMail(StrEnum):
    """Mails about accounts. ``NOTHING`` is written where there is nobody to write to."""

    PASSWORD_RESET = "password_reset"  # noqa: S105 - the name of a mail
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - as above
    EMAIL_CHANGED = "email_changed"
    EMAIL_CONFIRM = "email_confirm"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Outgoing:
    """A mail to be sent, unless ``lifetime`` is over before it can be."""

    kind: AccountMail
    to: str
    data: Mapping[str, str]
    lifetime: timedelta


@dataclass(frozen=True)
class Waiting:
    """A mail taken from the outbox by this worker; ``item`` is its sort key."""

    item: str
    kind: AccountMail
    to: str
    data: Mapping[str, str]


class Outbox:
    def __init__(self, dynamodb: DynamoDB) -> None:
        self._table = Table(dynamodb, dynamodb.users)

    def put(self, kind: AccountMail, to: str, data: Mapping[str, str], *, lifetime: timedelta) -> None:
        """Let a mail be sent, unless ``lifetime`` is over before it can be.

        Raises:
            StoreUnavailable: the outcome is unknown.
        """
        self._table.write(posted(Outgoing(kind, to, data, lifetime)))

    def claim(self, limit: int, lease: timedelta) -> list[Waiting]:
        """Take waiting mails, the oldest first, so that no other worker does until the lease ends.

        Raises:
            StoreUnavailable: DynamoDB is unavailable.
        """
        now = int(time.time())
        taken: list[Waiting] = []
        for item in self._table.query(keys.outbox(), keys.MAIL, page=PAGE):
            # DynamoDB removes what has expired some time after, so it may still be read here.
            if int(item["expires"]["N"]) <= now:
                self.done(keys.sort_key(item))
            elif _due(item, now) and self._claim(item, now, lease):
                taken.append(_waiting(item))
            if len(taken) == limit:
                break
        return taken

    def done(self, item: str) -> None:
        """Nothing is left to send for this one.

        Raises:
            StoreUnavailable: call again.
        """
        self._table.write(Delete(keys.mail(item)))

    def later(self, item: str, delay: timedelta) -> None:
        """Release a taken mail, due again after ``delay``.

        Raises:
            StoreUnavailable: it is due when its lease ends.
        """
        try:
            self._table.write(_claimed(item, int(time.time() + delay.total_seconds()), EXISTS))
        except ConditionFailed:
            # It expired meanwhile: nothing is left to send.
            return

    def _claim(self, item: Item, now: int, lease: timedelta) -> bool:
        due = Condition(
            "attribute_exists(user_id) AND (attribute_not_exists(claimed_until) OR claimed_until <= :now)",
            {":now": {"N": str(now)}},
        )
        try:
            self._table.write(_claimed(keys.sort_key(item), now + int(lease.total_seconds()), due))
        except ConditionFailed:
            # Another worker's, or one's own whose first answer was lost: that one waits for the lease.
            return False
        return True


def posted(mail: Outgoing) -> Put:
    """The item of a mail, to be written with the change that it tells: both or neither."""
    now = datetime.now(UTC)
    return Put(
        {
            **keys.new_mail(now, secrets.token_hex(8)),
            "kind": {"S": mail.kind},
            "to": {"S": mail.to},
            "data": {"S": json.dumps(dict(mail.data))},
            "expires": {"N": str(int((now + mail.lifetime).timestamp()))},
        }
    )


def _due(item: Item, now: int) -> bool:
    """A mail of a kind that only a later version of the shop knows is left to that version."""
    known = item["kind"]["S"] in set(AccountMail)
    return known and int(item.get("claimed_until", {}).get("N", "0")) <= now


def _claimed(item: str, until: int, when: Condition) -> Update:
    return Update(keys.mail(item), "SET claimed_until = :until", {":until": {"N": str(until)}}, when=when)


def _waiting(item: Item) -> Waiting:
    return Waiting(
        item=keys.sort_key(item),
        kind=AccountMail(item["kind"]["S"]),
        to=item["to"]["S"],
        data=json.loads(item["data"]["S"]),
    )
