"""After every test of a page that used the stores, the shop's books must balance."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from auditing import assert_sound
from botocore.model import OperationModel
from sqlalchemy import event

from storefront.process import Process


@pytest.fixture(autouse=True)
def sound(request: pytest.FixtureRequest) -> Iterator[None]:
    process = request.getfixturevalue("process") if "process" in request.fixturenames else None
    yield
    if process is not None:
        assert_sound(process)


@pytest.fixture
def statements(process: Process) -> Iterator[list[str]]:
    """The SQL this process sends, as it goes."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(process.engines.writer, "before_cursor_execute", note)
    yield seen
    event.remove(process.engines.writer, "before_cursor_execute", note)


@pytest.fixture
def calls(process: Process) -> list[str]:
    """The operations DynamoDB is asked for, as they go."""
    seen: list[str] = []

    def note(model: OperationModel, **_: object) -> None:
        seen.append(model.name)

    process.dynamodb.client.meta.events.register("before-call.dynamodb", note)
    return seen
