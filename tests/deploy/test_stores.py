"""The tables that the templates make are those that the application makes on one machine."""

from __future__ import annotations

from typing import Any

import pytest

from storefront.process import Process
from tests.deploy import stores, templates


@pytest.mark.parametrize("name", sorted(stores.TABLES))
def test_the_template_s_table_is_the_application_s(process: Process, name: str) -> None:
    made = stores.tables(templates.load())[name]
    client = process.dynamodb.client
    table: Any = getattr(process.dynamodb, name)
    described = client.describe_table(TableName=table)["Table"]
    expiry = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert made == {
        "keys": described["KeySchema"],
        "attributes": sorted(described["AttributeDefinitions"], key=lambda one: one["AttributeName"]),
        "expires": expiry.get("AttributeName"),
    }
