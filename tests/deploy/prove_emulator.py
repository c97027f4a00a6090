"""The stacks made in an emulator of AWS, one after the other, each importing what the one before exports.

Run by ``make deploy-check``, which installs the emulator; its name keeps it out of ``make test``. The
emulator says by name which resource types and attributes it doesn't know. Those are written down here and
left out, and a test fails as soon as that list is no longer true, in either direction.
"""

from __future__ import annotations

import copy
import json
import os
import random
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.deploy import templates
from tests.deploy.templates import Stacks, Template

MINISTACK = Path(__file__).parents[2] / ".venv-emulator" / "bin" / "ministack"
READY_SECONDS = 30.0
STACK_SECONDS = 60.0

# What ministack 1.5 refuses. cfn-lint and the tests beside this one are all that is known of these.
UNKNOWN_TYPES = {
    "network": {
        "AWS::EC2::EIP",
        "AWS::EC2::FlowLog",
        "AWS::EC2::NatGateway",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress",
    },
    "app": {"AWS::ApplicationAutoScaling::ScalableTarget", "AWS::ApplicationAutoScaling::ScalingPolicy"},
    "edge": {"AWS::CloudFront::VpcOrigin"},
}
UNKNOWN_ATTRIBUTES = {
    "bootstrap": {
        f"MailIdentity.DkimDNSToken{part}{number}" for part in ("Name", "Value") for number in (1, 2, 3)
    },
    "data": {"Database.MasterUserSecret.SecretArn"},
}

PARAMETERS = {
    "AlarmMail": "operator@shop.example",
    "MailDomain": "shop.example",
    "ImageTag": "0123abc",
    "DomainName": "shop.example",
    "MailFrom": "orders@shop.example",
    "CertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/of-the-proof",
}
HANDED_ON = {"BalancerArn": "app", "BalancerDomain": "app", "MediaDomain": "data"}
"""Parameters of the last stack that are outputs of an earlier one."""


class Emulator:
    """ministack on a free port of 127.0.0.1, and what was made in it."""

    def __init__(self, folder: Path) -> None:
        port = _free_port()
        self.address = f"http://127.0.0.1:{port}"
        # It binds every address unless told not to, and keeps state in TMPDIR.
        place = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "TMPDIR": str(folder)}
        self._log = (folder / "log").open("w")
        self._process = subprocess.Popen(
            [str(MINISTACK)],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), **place},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def client(self, service: str) -> Any:
        connect: Any = boto3.client  # its types know each service by name
        return connect(
            service,
            endpoint_url=self.address,
            region_name="us-east-1",
            aws_access_key_id="proof",
            aws_secret_access_key="proof",
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=60),
        )

    def wait(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                self.client("cloudformation").list_stacks()
                return
            except BotoCoreError:
                assert self._process.poll() is None, "the emulator ended"
                assert time.monotonic() < deadline, "the emulator does not answer"
                time.sleep(0.1)

    def stop(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)
        self._log.close()

    def make(self, name: str, template: Template, parameters: dict[str, str]) -> dict[str, str]:
        """Make a stack and wait for its end; its outputs.

        Raises:
            ClientError: the template is refused before anything is made.
            AssertionError: a resource could not be made; the message says which.
        """
        cloud = self.client("cloudformation")
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
        body = json.dumps(template)
        cloud.create_stack(
            StackName=name, TemplateBody=body, Parameters=given, Capabilities=["CAPABILITY_IAM"]
        )
        deadline = time.monotonic() + STACK_SECONDS
        while (stack := cloud.describe_stacks(StackName=name)["Stacks"][0])["StackStatus"].endswith(
            "IN_PROGRESS"
        ):
            assert time.monotonic() < deadline, f"{name} is not made after {STACK_SECONDS} s"
            time.sleep(0.1)
        failed = [
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason')}"
            for event in cloud.describe_stack_events(StackName=name)["StackEvents"]
            if "FAILED" in event["ResourceStatus"]
        ]
        assert stack["StackStatus"] == "CREATE_COMPLETE", failed
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _free_port() -> int:
    """Below 32768, where outgoing connections begin."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def without_unknown(stack: str, template: Template) -> Template:
    """A copy without what the emulator doesn't know; what referred to that gets a name that is nobody's."""
    types = UNKNOWN_TYPES.get(stack, set())
    attributes = UNKNOWN_ATTRIBUTES.get(stack, set())
    made = copy.deepcopy(template)
    gone = {name for name, resource in made["Resources"].items() if resource["Type"] in types}
    for name in gone:
        del made["Resources"][name]

    def mended(node: Any) -> Any:
        if isinstance(node, list):
            return [mended(one) for one in node]
        if not isinstance(node, dict):
            return node
        target = node.get("Fn::GetAtt") or [node.get("Ref")]
        if target[0] in gone or ".".join(filter(None, target)) in attributes:
            return f"unknown-{'-'.join(target)}".replace(".", "-")
        return {key: mended(one) for key, one in node.items() if not (key == "DependsOn" and one in gone)}

    mended_template: Template = mended(made)
    return mended_template


def parameters(template: Template, outputs: dict[str, dict[str, str]]) -> dict[str, str]:
    """For every parameter without a default."""
    needed = [name for name, one in template["Parameters"].items() if "Default" not in one]
    return {
        name: outputs[HANDED_ON[name]][name] if name in HANDED_ON else PARAMETERS[name] for name in needed
    }


@pytest.fixture(scope="module")
def stacks() -> Stacks:
    return templates.load()


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    assert MINISTACK.exists(), "make deploy-check installs the emulator"
    made = Emulator(tmp_path_factory.mktemp("emulator"))
    try:
        made.wait()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def outputs(emulator: Emulator, stacks: Stacks) -> dict[str, dict[str, str]]:
    """Every stack's, made in order."""
    made: dict[str, dict[str, str]] = {}
    for name in templates.NAMES:
        template = stacks[name]
        made[name] = emulator.make(name, without_unknown(name, template), parameters(template, made))
    return made


@pytest.mark.parametrize("stack", templates.NAMES)
def test_the_emulator_refuses_the_listed_types_by_name_and_no_others(
    emulator: Emulator, stacks: Stacks, stack: str
) -> None:
    refused: set[str] = set()
    try:
        emulator.client("cloudformation").validate_template(TemplateBody=json.dumps(stacks[stack]))
    except ClientError as error:
        named = re.search(r"Unrecognized resource types: \[(.*)\]", str(error))
        if named is None:
            raise
        refused = set(named[1].split(", "))
    assert refused == UNKNOWN_TYPES.get(stack, set())


def test_every_stack_is_made_in_order_and_imports_what_the_others_export(
    emulator: Emulator, stacks: Stacks, outputs: dict[str, dict[str, str]]
) -> None:
    cloud = emulator.client("cloudformation")
    for name in templates.NAMES:
        left = without_unknown(name, stacks[name])
        made = [
            one
            for page in cloud.get_paginator("list_stack_resources").paginate(StackName=name)
            for one in page["StackResourceSummaries"]
        ]
        assert {one["LogicalResourceId"] for one in made} == set(left["Resources"])
        assert all(one["ResourceStatus"] == "CREATE_COMPLETE" for one in made)
        print(f"{name}: {len(made)} of {len(stacks[name]['Resources'])} resources made")
        for kind in sorted(UNKNOWN_TYPES.get(name, set()) | UNKNOWN_ATTRIBUTES.get(name, set())):
            print(f"  unknown to the emulator: {kind}")


@pytest.mark.parametrize("stack", sorted(UNKNOWN_ATTRIBUTES))
def test_the_emulator_still_refuses_the_listed_attributes(
    emulator: Emulator, stacks: Stacks, outputs: dict[str, dict[str, str]], stack: str
) -> None:
    """Each by itself, as the one output of a copy of its stack's one resource."""
    for attribute in sorted(UNKNOWN_ATTRIBUTES[stack]):
        name, _, rest = attribute.partition(".")
        alone = {
            "Parameters": stacks[stack]["Parameters"],
            "Resources": {name: _renamed(stacks[stack]["Resources"][name])},
            "Outputs": {"Asked": {"Value": {"Fn::GetAtt": [name, rest]}}},
        }
        with pytest.raises(AssertionError, match="does not exist in schema"):
            emulator.make(
                f"asked-{re.sub(r'[^a-z]', '', attribute.lower())}{attribute[-1]}",
                alone,
                parameters(alone, outputs),
            )


def _renamed(resource: dict[str, Any]) -> dict[str, Any]:
    """A copy that doesn't collide with the one that was made, nor refers to its neighbours."""
    properties = {
        key: value for key, value in resource["Properties"].items() if isinstance(value, str | bool)
    }
    if resource["Type"] == "AWS::RDS::DBCluster":
        return {"Type": resource["Type"], "Properties": properties | {"DBClusterIdentifier": "asked"}}
    return {"Type": resource["Type"], "Properties": {"EmailIdentity": "asked.example"}}


def test_the_tasks_are_wired_to_the_stores_that_were_made(
    emulator: Emulator, outputs: dict[str, dict[str, str]]
) -> None:
    ecs = emulator.client("ecs")
    web, worker = (
        ecs.describe_task_definition(taskDefinition=f"storefront-{one}")["taskDefinition"][
            "containerDefinitions"
        ][0]
        for one in ("web", "worker")
    )
    environment = {one["name"]: one["value"] for one in web["environment"]}
    assert environment == {one["name"]: one["value"] for one in worker["environment"]}
    cluster = emulator.client("rds").describe_db_clusters(DBClusterIdentifier="storefront")["DBClusters"][0]
    assert f"@{cluster['Endpoint']}:5432/storefront?" in environment["STOREFRONT_DATABASE_URL"]
    assert f"@{cluster['ReaderEndpoint']}:5432/storefront?" in environment["STOREFRONT_DATABASE_READER_URL"]
    tables = set(emulator.client("dynamodb").list_tables()["TableNames"])
    prefix = environment["STOREFRONT_DYNAMODB_PREFIX"]
    assert {f"{prefix}users", f"{prefix}deliveries"} <= tables
    secrets = {one["ARN"] for one in emulator.client("secretsmanager").list_secrets()["SecretList"]}
    assert {
        outputs["data"][f"{one}SecretArn"] for one in ("Session", "Metrics", "Stripe", "Carrier")
    } <= secrets


def test_the_balancer_sends_to_the_group_that_the_web_service_joins(
    emulator: Emulator, outputs: dict[str, dict[str, str]]
) -> None:
    balancing = emulator.client("elbv2")
    listener = balancing.describe_listeners(LoadBalancerArn=outputs["app"]["BalancerArn"])["Listeners"][0]
    service = emulator.client("ecs").describe_services(cluster="storefront", services=["storefront-web"])
    joined = service["services"][0]["loadBalancers"][0]
    assert joined["targetGroupArn"] == listener["DefaultActions"][0]["TargetGroupArn"]
    group = balancing.describe_target_groups(TargetGroupArns=[joined["targetGroupArn"]])["TargetGroups"][0]
    assert (group["HealthCheckPath"], group["Port"]) == ("/readyz", joined["containerPort"])
