from __future__ import annotations

from contextlib import nullcontext

import pytest

from storefront.process import Process
from storefront.repositories.dynamodb.client import DynamoDB
from storefront.stores import Stores
from tests.support.otherwise import otherwise


@pytest.fixture
def patient(process: Process) -> Stores:
    """Stores that wait: fifty at once wait for each other at moto, which answers one at a time."""
    process.dynamodb = DynamoDB(process.settings, read_seconds=20.0)
    process.dynamodb.breaker = otherwise(process.dynamodb.breaker, call=nullcontext)
    return process.stores()
