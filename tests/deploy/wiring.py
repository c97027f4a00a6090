"""Whether the stacks fit together: what cfn-lint, which sees one template at a time, can't know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.deploy.templates import NAMES, Stacks, references, walk

# Parameters that mean another thing in another stack, and why.
OF_THEIR_OWN = {"CertificateArn": "the balancer's is of its region, CloudFront's of us-east-1"}


def _exports(stacks: Stacks, stack: str) -> set[str]:
    return {
        output["Export"]["Name"]["Fn::Sub"]
        for output in stacks[stack].get("Outputs", {}).values()
        if "Export" in output
    }


def _imports(node: Any) -> Iterator[str]:
    for one in walk(node):
        if isinstance(one, dict) and "Fn::ImportValue" in one:
            yield one["Fn::ImportValue"]["Fn::Sub"]


def imports_come_from_an_earlier_stack(stacks: Stacks) -> list[str]:
    found, known = [], set[str]()
    for stack in NAMES:
        found += [
            f"{stack} imports {name}, which no earlier stack exports"
            for name in sorted(set(_imports(stacks[stack])) - known)
        ]
        known |= _exports(stacks, stack)
    return found


def exports_are_imported(stacks: Stacks) -> list[str]:
    """An export that nobody imports can't be told from one that was misspelt."""
    imported = {name for stack in NAMES for name in _imports(stacks[stack])}
    # The last stack is in another region, so these reach it as parameters by the operator's hand.
    handed_on = {f"${{Shop}}-{name}" for name in stacks["edge"]["Parameters"]}
    return [
        f"{stack} exports {name} to nobody"
        for stack in NAMES
        for name in sorted(_exports(stacks, stack) - imported - handed_on)
    ]


def the_edge_imports_nothing(stacks: Stacks) -> list[str]:
    return [f"edge imports {name} from another region" for name in _imports(stacks["edge"])]


def references_exist(stacks: Stacks) -> list[str]:
    found = []
    for stack, template in stacks.items():
        known = set(template["Parameters"]) | set(template["Resources"])
        for name, _ in references([template["Resources"], template.get("Outputs", {})]):
            if name not in known and not name.startswith("AWS::"):
                found.append(f"{stack} refers to {name}, which isn't there")
    return found


def parameters_mean_the_same_everywhere(stacks: Stacks) -> list[str]:
    found, first = [], dict[str, Any]()
    for stack, template in stacks.items():
        for name, definition in template["Parameters"].items():
            if name not in OF_THEIR_OWN and first.setdefault(name, definition) != definition:
                found.append(f"{stack}'s parameter {name} differs from an earlier stack's")
    return found


def parameters_are_used(stacks: Stacks) -> list[str]:
    return [
        f"{stack}'s parameter {name} is used nowhere"
        for stack, template in stacks.items()
        for name in sorted(set(template["Parameters"]) - {name for name, _ in references(template)})
    ]


def what_holds_data_is_never_deleted_with_its_stack(stacks: Stacks) -> list[str]:
    kept = re.compile(r"AWS::(DynamoDB::Table|RDS::DBCluster|S3::Bucket|KMS::Key|SecretsManager::Secret)$")
    return [
        f"{stack}.{name} has no {policy}"
        for stack, template in stacks.items()
        for name, resource in template["Resources"].items()
        for policy in ("DeletionPolicy", "UpdateReplacePolicy")
        if kept.match(resource["Type"]) and resource.get(policy) not in ("Retain", "Snapshot")
    ]
