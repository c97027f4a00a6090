"""The guide says what the files say."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from typing import Any

import pytest

from tests.deploy import templates
from tests.deploy.templates import FOLDER

GUIDE = (FOLDER / "README.md").read_text()


def _cost() -> Any:
    found = importlib.util.spec_from_file_location("deploy_cost", FOLDER / "cost.py")
    assert found
    assert found.loader
    made = importlib.util.module_from_spec(found)
    found.loader.exec_module(made)
    return made


def test_the_sums_are_those_of_the_assumptions() -> None:
    assert _cost().table(tomllib.loads((FOLDER / "cost.toml").read_text())) in GUIDE


def test_a_dearer_price_makes_a_dearer_shop() -> None:
    """Every price and assumption counts for something, or it would stand there for nothing."""
    cost, text = _cost(), (FOLDER / "cost.toml").read_text()

    def total(assumed: dict[str, Any]) -> float:
        return float(sum(cost.costs(assumed["shop"][1], assumed).values()))

    usual = total(tomllib.loads(text))
    for part in ("price", "standing", "order"):
        for name in tomllib.loads(text)[part]:
            dearer = tomllib.loads(text)
            dearer[part][name] *= 2
            assert total(dearer) > usual, name


def test_as_many_alarms_are_paid_for_as_there_are() -> None:
    assumed = tomllib.loads((FOLDER / "cost.toml").read_text())
    there = list(templates.resources(templates.load(), "AWS::CloudWatch::Alarm"))
    assert assumed["standing"]["alarms"] == len(there)


@pytest.mark.parametrize(
    "name",
    sorted(
        alarm["AlarmName"]["Fn::Sub"].removeprefix("${Shop}-")
        for _, alarm in templates.resources(templates.load(), "AWS::CloudWatch::Alarm")
    ),
)
def test_the_guide_says_what_to_do_when_an_alarm_rings(name: str) -> None:
    told = re.sub(r"^(users|deliveries)-\w+-throttled$", r"\1-…-throttled", name)
    assert told in GUIDE


@pytest.mark.parametrize("stack", templates.NAMES)
def test_the_guide_gives_every_stack_its_parameters(stack: str) -> None:
    """Those without a default, and none that it doesn't have."""
    template = templates.load()[stack]
    (call,) = re.findall(rf"stack {stack}\b([^`]*)`", GUIDE)[:1]
    needed = {name for name, one in template["Parameters"].items() if "Default" not in one}
    assert needed <= set(re.findall(r"(\w+)=", call))
    assert set(re.findall(r"\b([A-Z]\w+)=(?!=)", call)) <= set(template["Parameters"])


def test_the_guide_asks_for_outputs_that_exist() -> None:
    stacks = templates.load()
    asked = re.findall(r"output (\w+) (\w+)", GUIDE)
    assert len(asked) >= 8
    assert [pair for pair in asked if pair[1] not in stacks[pair[0]]["Outputs"]] == []
