"""After every fault the shop's books must balance."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storefront.config import Settings
from tests.support.audit import sound, unsound
from tests.support.proxy import Proxy

__all__ = ["sound", "unsound"]


@pytest.fixture
def proxy(dynamodb_endpoint: str, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """Between the test's shop and DynamoDB."""
    made = Proxy.to(dynamodb_endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", made.address)
    yield made
    made.order("pass")
    made.close()
