"""Every check holds for the templates, and catches the error that it is there for."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tests.deploy import alarms, edge, rights, stores, tasks, templates, wiring
from tests.deploy.planted import PLANTED
from tests.deploy.templates import Stacks

Check = Callable[[Stacks], list[str]]


def _checks(room: ModuleType) -> list[Check]:
    """A room's checks are what it defines that takes the stacks and is no helper."""
    return [
        one
        for name, one in vars(room).items()
        if getattr(one, "__module__", "") == room.__name__
        and not name.startswith("_")
        and getattr(one, "__annotations__", {}).get("return") == "list[str]"
    ]


CHECKS = [check for room in (wiring, tasks, rights, stores, alarms, edge) for check in _checks(room)]


@pytest.fixture(scope="module")
def stacks() -> Stacks:
    """For reading; whoever spoils one loads his own."""
    return templates.load()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_templates_hold(stacks: Stacks, check: Check) -> None:
    assert check(stacks) == []


@pytest.mark.parametrize(("check", "spoil"), PLANTED, ids=lambda one: one.__name__)
def test_a_planted_error_is_caught(stacks: Stacks, check: Check, spoil: Callable[[Stacks], Any]) -> None:
    spoilt = templates.load()
    spoil(spoilt)
    assert spoilt != stacks, "nothing was planted"
    assert check(spoilt) != []


def test_every_check_is_known_to_catch_something() -> None:
    assert {check.__name__ for check in CHECKS} == {check.__name__ for check, _ in PLANTED}


@pytest.mark.parametrize("stack", templates.NAMES)
def test_templates_hold_no_anchors(stack: str) -> None:
    """CloudFormation refuses them, while every YAML reader takes them."""
    text = (templates.FOLDER / f"{stack}.yaml").read_text()
    assert not re.search(r"(:|-)\s+[&*][A-Za-z]", text)
    assert "<<:" not in text


def test_the_code_calls_no_more_of_dynamodb_than_tasks_may() -> None:
    assert rights.calls() - rights.DYNAMODB == set()
    assert len(rights.calls()) >= 6, "the calls are no longer where this looks for them"
