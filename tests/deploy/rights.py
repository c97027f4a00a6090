"""Whether every role may do what its process does, and nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import storefront
from tests.deploy.templates import Stacks, listed, resources

DYNAMODB = frozenset(
    f"dynamodb:{action}"
    for action in (
        "GetItem",
        "BatchGetItem",
        "PutItem",
        "UpdateItem",
        "DeleteItem",
        "Query",
        "ConditionCheckItem",
    )
)
DATABASE = frozenset(["rds-db:connect", "secretsmanager:GetSecretValue"])

# Every role, and all that it may do.
RIGHTS = {
    "network.FlowLogRole": {
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "logs:DescribeLogGroups",
        "logs:DescribeLogStreams",
    },
    "jobs.ExecutionRole": {
        "ecr:GetAuthorizationToken",
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:GetDownloadUrlForLayer",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "secretsmanager:GetSecretValue",
    },
    "jobs.MigrateRole": DATABASE | {"dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive"},
    "jobs.AuditRole": DATABASE | {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"},
    "jobs.ScheduleRole": {"ecs:RunTask", "iam:PassRole"},
    "app.WebRole": DATABASE | DYNAMODB,
    "app.WorkerRole": DATABASE
    | DYNAMODB
    | {"ses:SendEmail", "ses:SendRawEmail", "s3:GetObject", "s3:ListBucket", "s3:PutObject"},
}

# Where a star stands alone as action, resource or principal, and why it may.
STARS = {
    (
        "jobs.ExecutionRole",
        "Resource",
        "ecr:GetAuthorizationToken",
    ): "the token is the registry's; AWS knows no narrower resource",
    ("data.Key", "Resource", "kms:*"): "in a key's policy the star is the key itself",
    ("data.Key", "Resource", "kms:Encrypt"): "in a key's policy the star is the key itself",
    ("data.Key", "Principal", "kms:Encrypt"): "bound to this account and to three services by its condition",
    (
        "data.Key",
        "Action",
        "kms:*",
    ): "the account's administrators; without it nobody could change the key again",
    ("data.MediaPolicy", "Principal", "s3:*"): "denies",
    ("data.MediaPolicy", "Action", "s3:*"): "denies",
}


def _statements(node: Any) -> Iterator[dict[str, Any]]:
    """Statements of a policy, those of both branches of a condition too."""
    for one in listed(node["Statement"]):
        yield from one["Fn::If"][1:] if "Fn::If" in one else [one]


def _policies(stacks: Stacks) -> Iterator[tuple[str, dict[str, Any]]]:
    for where, role in resources(stacks, "AWS::IAM::Role"):
        for policy in role.get("Policies", []):
            for statement in _statements(policy["PolicyDocument"]):
                yield where, statement
    for kind, key in (
        ("AWS::KMS::Key", "KeyPolicy"),
        ("AWS::S3::BucketPolicy", "PolicyDocument"),
        ("AWS::SNS::TopicPolicy", "PolicyDocument"),
    ):
        for where, properties in resources(stacks, kind):
            for statement in _statements(properties[key]):
                yield where, statement


def roles_may_do_what_is_listed(stacks: Stacks) -> list[str]:
    found = []
    for where, role in resources(stacks, "AWS::IAM::Role"):
        has = {
            action
            for policy in role.get("Policies", [])
            for statement in _statements(policy["PolicyDocument"])
            for action in listed(statement["Action"])
        }
        wanted = RIGHTS.get(where, set())
        found += [f"{where} may {action}" for action in sorted(has - wanted)]
        found += [f"{where} may not {action}" for action in sorted(wanted - has)]
        found += [f"{where} takes policies from elsewhere"] if role.get("ManagedPolicyArns") else []
    return found


def stars_have_a_reason(stacks: Stacks) -> list[str]:
    found = []
    for where, statement in _policies(stacks):
        first = listed(statement["Action"])[0]
        principal = statement.get("Principal", {})
        wide = {
            "Action": any(
                action.split(":")[-1] == "*" or action == "*" for action in listed(statement["Action"])
            ),
            "Resource": "*" in listed(statement.get("Resource", [])),
            "Principal": principal in ("*", {"AWS": "*"}),
        }
        found += [
            f"{where}: {part} * of {first}"
            for part, is_wide in wide.items()
            if is_wide and (where, part, first) not in STARS
        ]
        if wide["Principal"] and statement["Effect"] == "Allow":
            bound = statement.get("Condition", {}).get("StringEquals", {})
            if not {"kms:CallerAccount", "kms:ViaService"} <= set(bound):
                found.append(f"{where}: everybody, not bound to the account and a service")
    return found


def roles_are_taken_on_in_this_account_only(stacks: Stacks) -> list[str]:
    return [
        f"{where} can be taken on for another account"
        for where, role in resources(stacks, "AWS::IAM::Role")
        for statement in _statements(role["AssumeRolePolicyDocument"])
        if statement.get("Condition", {}).get("StringEquals", {}).get("aws:SourceAccount")
        != {"Ref": "AWS::AccountId"}
    ]


TRANSACTIONS = {"TransactWriteItems": {"PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem"}}


def calls() -> set[str]:
    """The DynamoDB actions that the repositories' code calls, ``tables.py`` aside, which is migrate's."""
    found: set[str] = set()
    for path in (Path(storefront.__file__).parent / "repositories" / "dynamodb").glob("*.py"):
        if path.name == "tables.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = ast.unparse(node.func.value)
                if owner == "client" or owner.endswith(".client"):
                    name = "".join(part.title() for part in node.func.attr.split("_"))
                    found |= TRANSACTIONS.get(name, {name})
    return {f"dynamodb:{name}" for name in found}
