"""Links to choose a new password: by the token's hash, each used once."""

from __future__ import annotations

import time

from storefront.domain.accounts import Login, ResetLink
from storefront.repositories.dynamodb import keys
from storefront.repositories.dynamodb.accounts import Accounts
from storefront.repositories.dynamodb.client import DynamoDB
from storefront.repositories.dynamodb.outbox import Outgoing
from storefront.repositories.dynamodb.table import Condition, Delete, Put, Table


class PasswordResets:
    def __init__(self, dynamodb: DynamoDB) -> None:
        self._table = Table(dynamodb, dynamodb.users)
        self._accounts = Accounts(dynamodb)

    def store(self, link: ResetLink, expires: int) -> None:
        """Let a token work until ``expires`` (seconds since 1970).

        Raises:
            StoreUnavailable: DynamoDB is unavailable.
        """
        self._table.write(
            Put(
                {
                    **keys.reset(link.token_hash),
                    "email_key": {"S": link.email_key},
                    "fingerprint": {"S": link.fingerprint},
                    "expires": {"N": str(expires)},
                }
            )
        )

    def find(self, token_hash: str) -> ResetLink | None:
        """What a token opens; None when it was used or is too old, removed by DynamoDB already or not.

        Raises:
            StoreUnavailable: DynamoDB is unavailable.
        """
        item = self._table.get(keys.reset(token_hash))
        if item is None or int(item["expires"]["N"]) <= time.time():
            return None
        return ResetLink(token_hash, item["email_key"]["S"], item["fingerprint"]["S"])

    def use(self, link: ResetLink, login: Login, password_hash: str, told: Outgoing) -> bool:
        """Use a token up for a new password, and end every session; False if another use was faster.

        ``told`` is the mail about it, written with the password.

        Raises:
            StoreUnavailable: the outcome may be unknown.
        """
        # A link that is gone has no attribute to compare, so the condition fails for it too.
        works = Condition("#expires > :now", {":now": {"N": str(int(time.time()))}}, {"#expires": "expires"})
        return self._accounts.change_password(
            login, password_hash, told, Delete(keys.reset(link.token_hash), works)
        )
