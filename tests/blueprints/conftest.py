"""After every test of a page that used the stores, the shop's books must balance."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.model import OperationModel
from flask import Flask
from flask.testing import FlaskClient

from storefront.process import Process
from tests.support.audit import sound, unsound
from tests.support.client import Browsers, new_browser
from tests.support.database import statements_of

__all__ = ["sound", "unsound"]


@pytest.fixture
def statements(process: Process) -> Iterator[list[str]]:
    """The SQL this process sends, as it goes."""
    with statements_of(process.engines.writer) as seen:
        yield seen


@pytest.fixture
def calls(process: Process) -> list[str]:
    """The operations DynamoDB is asked for, as they go."""
    seen: list[str] = []

    def note(model: OperationModel, **_: object) -> None:
        seen.append(model.name)

    process.dynamodb.client.meta.events.register("before-call.dynamodb", note)
    return seen


@pytest.fixture
def browsers(app: Flask) -> Browsers:
    """Makes browsers, each at an address of its own so that limits of other tests don't count."""

    def make() -> FlaskClient:
        return new_browser(app)

    return make


@pytest.fixture
def browser(browsers: Browsers) -> FlaskClient:
    return browsers()
