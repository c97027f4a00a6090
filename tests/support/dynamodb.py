"""Takes DynamoDB away from a running shop."""

from __future__ import annotations

import pytest

from storefront.process import Process
from storefront.repositories.dynamodb.client import DynamoDB


def cut_off_dynamodb(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the process finds nobody at DynamoDB's address."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9")
    # A cached property: a client keeps the address that it was made with.
    process.__dict__["dynamodb"] = DynamoDB(process.settings)
