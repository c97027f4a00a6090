"""The templates of deploy/ as data, and ways to walk them."""

from __future__ import annotations

import copy
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parents[2] / "deploy"
NAMES = ("bootstrap", "network", "data", "jobs", "app", "edge")
"""In the order in which they are made: each imports only from those before it."""

Template = dict[str, Any]
Stacks = dict[str, Template]


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short functions, each turned into its long form."""


def _function(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    assert isinstance(node, yaml.MappingNode)
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _function)


def load() -> Stacks:
    """Every template, by name. Each call makes new ones, which the caller may spoil."""
    return copy.deepcopy(_parsed())


@cache
def _parsed() -> Stacks:
    # Ours is a SafeLoader.
    return {name: yaml.load((FOLDER / f"{name}.yaml").read_text(), Loader=_Loader) for name in NAMES}


def metrics() -> dict[str, Any]:
    return tomllib.loads((FOLDER / "metrics.toml").read_text())


def resources(stacks: Stacks, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where it stands, as ``stack.Name``, and the properties of every resource of this type."""
    for stack, template in stacks.items():
        for name, resource in template["Resources"].items():
            if resource["Type"] == kind:
                yield f"{stack}.{name}", resource.get("Properties", {})


def the(stacks: Stacks, where: str) -> dict[str, Any]:
    """The properties of the resource at ``stack.Name``."""
    stack, name = where.split(".")
    found: dict[str, Any] = stacks[stack]["Resources"][name]["Properties"]
    return found


def containers(stacks: Stacks) -> Iterator[tuple[str, dict[str, Any]]]:
    """Where its task definition stands, and the definition of every container."""
    for where, task in resources(stacks, "AWS::ECS::TaskDefinition"):
        for container in task["ContainerDefinitions"]:
            yield where, container


def walk(node: Any) -> Iterator[Any]:
    """Everything in a template, itself included."""
    yield node
    if isinstance(node, dict):
        for value in node.values():
            yield from walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value)


def references(node: Any) -> Iterator[tuple[str, str | None]]:
    """Logical names that a template uses, and of each the attribute if it is one's attribute."""
    for one in walk(node):
        if not isinstance(one, dict):
            continue
        if isinstance(one.get("Ref"), str):
            yield one["Ref"], None
        if "Fn::GetAtt" in one:
            name, attribute = one["Fn::GetAtt"]
            yield name, attribute
        if "Fn::Sub" in one:
            text, own = one["Fn::Sub"] if isinstance(one["Fn::Sub"], list) else (one["Fn::Sub"], {})
            for name in re.findall(r"\$\{([^!}]+)\}", text):
                if name not in own:
                    logical, _, attribute = name.partition(".")
                    yield logical, attribute or None


def listed(value: Any) -> list[Any]:
    """Policies take one or a list of them."""
    return value if isinstance(value, list) else [value]
