"""Whether the tasks are what the balancer, the settings and the image expect."""

from __future__ import annotations

from typing import Any

from storefront.config import Settings
from tests.deploy.templates import Stacks, containers, resources, the

MOST_STOP_SECONDS = 120
"""Fargate's limit; a task definition with more is refused when it is registered."""
STOP_SECONDS = {"web": 30, "worker": 120}
PROXIES = 2
"""CloudFront and the balancer; each adds an address to X-Forwarded-For."""

# Settings that are agreed and that the application comes to read; remove each when it is in Settings.
AGREED = ("BRAND",)

# Settings that no task is given, and why.
LEFT_OUT = {
    "AWS_REGION": "is given under boto3's own name",
    "STRIPE_API_BASE": "Stripe's own is the default",
    "STRIPE_CHECKOUT_ORIGIN": "Stripe's own is the default",
    "CARRIER_STEP_SECONDS": "the stand-in carrier's",
    "DATA": "the folder of one machine; pictures go to the bucket",
    "STANDINS": "set by the launcher on one machine",
    "MAIL_FOLDER": "the stand-in of SES's",
    "DELIVERY_FILE": "a file of the image, where the default looks",
    "WORKER_METRICS_PORT": "of loopback, for a Prometheus on the same machine",
    "BRAND": "a folder of the image, where the default looks",
}

SECRET = (
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "STRIPE_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "CARRIER_WEBHOOK_SECRET",
    "METRICS_TOKEN",
)


def settings() -> set[str]:
    return {name.upper() for name in Settings.model_fields} | set(AGREED)


def environment(container: dict[str, Any]) -> dict[str, Any]:
    """Name and value; both branches of a condition count."""
    found = {}
    for one in container["Environment"]:
        for entry in one["Fn::If"][1:] if "Fn::If" in one else [one]:
            found[entry["Name"]] = entry["Value"]
    return found


def _given(container: dict[str, Any]) -> set[str]:
    names = set(environment(container)) | {one["Name"] for one in container["Secrets"]}
    return {name.removeprefix("STOREFRONT_") for name in names if name.startswith("STOREFRONT_")}


def every_setting_that_is_given_exists(stacks: Stacks) -> list[str]:
    return [
        f"{where} gives STOREFRONT_{name}, which is no setting"
        for where, container in containers(stacks)
        for name in sorted(_given(container) - settings())
    ]


def every_setting_is_given_or_left_out_for_a_reason(stacks: Stacks) -> list[str]:
    return [
        f"{where} does not give STOREFRONT_{name}"
        for where, container in containers(stacks)
        for name in sorted(settings() - _given(container) - set(LEFT_OUT))
    ]


def all_tasks_have_one_environment_and_one_image(stacks: Stacks) -> list[str]:
    """CloudFormation has no anchors, so each task repeats it."""
    (_, first), *others = containers(stacks)
    return [
        f"{where} differs from the first task in its {part}"
        for where, container in others
        for part in ("Environment", "Secrets", "Image")
        if container[part] != first[part]
    ]


def secrets_are_no_plain_environment(stacks: Stacks) -> list[str]:
    found = []
    for where, container in containers(stacks):
        secret = {one["Name"] for one in container["Secrets"]}
        found += [f"{where}: {name} is no secret" for name in SECRET if f"STOREFRONT_{name}" not in secret]
        found += [
            f"{where}: {one['Name']} is no Secrets Manager value"
            for one in container["Secrets"]
            if "SecretArn" not in str(one["ValueFrom"])
        ]
    return found


def tasks_may_do_little(stacks: Stacks) -> list[str]:
    found = []
    for where, container in containers(stacks):
        task = the(stacks, where)
        hardened = {
            "an unprivileged user": container.get("User") == "10001",
            "a read-only root": container.get("ReadonlyRootFilesystem") is True,
            "no capabilities": container.get("LinuxParameters", {}).get("Capabilities") == {"Drop": ["ALL"]},
            "a writable /tmp": any(
                mount["ContainerPath"] == "/tmp"
                and {"Name": mount["SourceVolume"]} in task.get("Volumes", [])
                for mount in container.get("MountPoints", [])
            ),
            "a role of its own": bool(task.get("TaskRoleArn")),
            "no privileges": not container.get("Privileged"),
        }
        found += [f"{where} lacks {what}" for what, there in hardened.items() if not there]
    return found


def tasks_stop_in_time(stacks: Stacks) -> list[str]:
    found = []
    for where, container in containers(stacks):
        seconds = container.get("StopTimeout", 30)
        if seconds > MOST_STOP_SECONDS:
            found.append(f"{where} may take {seconds} s to stop; Fargate allows {MOST_STOP_SECONDS}")
        if seconds != STOP_SECONDS.get(container["Name"], seconds):
            found.append(f"{where} has {seconds} s to stop")
    return found


def _attributes(listed: list[dict[str, str]]) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in listed}


def the_balancer_knows_its_container(stacks: Stacks) -> list[str]:
    found = []
    for where, service in resources(stacks, "AWS::ECS::Service"):
        task = the(stacks, f"app.{service['TaskDefinition']['Ref']}")
        ports = {
            one["Name"]: [mapping["ContainerPort"] for mapping in one.get("PortMappings", [])]
            for one in task["ContainerDefinitions"]
        }
        for balanced in service.get("LoadBalancers", []):
            name, port = balanced["ContainerName"], balanced["ContainerPort"]
            if name not in ports:
                found.append(f"{where} is balanced to a container {name!r} that its task doesn't have")
            elif port not in ports[name]:
                found.append(f"{where} is balanced to port {port}, which {name} doesn't open")
            group = the(stacks, f"app.{balanced['TargetGroupArn']['Ref']}")
            if group["Port"] != port:
                found.append(f"{where}: the target group's port is {group['Port']}, not {port}")
    for where, container in containers(stacks):
        listens = int(environment(container)["PORT"])
        if any(one["ContainerPort"] != listens for one in container.get("PortMappings", [])):
            found.append(f"{where} opens another port than it listens on, {listens}")
    return found


def health_is_asked_where_it_is_told(stacks: Stacks) -> list[str]:
    found = []
    for where, group in resources(stacks, "AWS::ElasticLoadBalancingV2::TargetGroup"):
        if group["HealthCheckPath"] != "/readyz" or group["Matcher"] != {"HttpCode": "200"}:
            found.append(f"{where} asks {group['HealthCheckPath']}, not for 200 from /readyz")
        if group["HealthCheckTimeoutSeconds"] >= group["HealthCheckIntervalSeconds"]:
            found.append(f"{where} asks again before the answer may be late")
    for where, container in containers(stacks):
        # A worker serves no pages; that it lives is told by its heartbeat.
        command = " ".join(container.get("HealthCheck", {}).get("Command", []))
        if (
            container.get("PortMappings")
            and f":{container['PortMappings'][0]['ContainerPort']}/healthz" not in command
        ):
            found.append(f"{where} is not asked for /healthz on its own port")
    return found


def a_stopping_task_is_left_before_it_ends(stacks: Stacks) -> list[str]:
    web = next(container for _, container in containers(stacks) if container["Name"] == "web")
    return [
        f"{where} sends requests for {delay} s to a task that ends after {web['StopTimeout']}"
        for where, group in resources(stacks, "AWS::ElasticLoadBalancingV2::TargetGroup")
        if (delay := int(_attributes(group["TargetGroupAttributes"])["deregistration_delay.timeout_seconds"]))
        >= web["StopTimeout"]
    ]


def whoever_sends_lets_go_first(stacks: Stacks) -> list[str]:
    """A server that closes an idle connection first makes 502s of the requests that are on their way."""
    balancer = _attributes(the(stacks, "app.Balancer")["LoadBalancerAttributes"])
    idle = int(balancer["idle_timeout.timeout_seconds"])
    found = [
        f"{where} keeps connections {seconds} s, the balancer {idle}"
        for where, container in containers(stacks)
        if (seconds := int(environment(container)["STOREFRONT_KEEP_ALIVE_SECONDS"])) <= idle
    ]
    for where, distribution in resources(stacks, "AWS::CloudFront::Distribution"):
        for origin in distribution["DistributionConfig"]["Origins"]:
            kept = origin.get("VpcOriginConfig", {}).get("OriginKeepaliveTimeout", 5)
            if kept >= idle:
                found.append(f"{where} keeps connections {kept} s, the balancer {idle}")
    return found


def every_proxy_is_counted(stacks: Stacks) -> list[str]:
    return [
        f"{where} trusts {proxies} proxies, and there are {PROXIES}"
        for where, container in containers(stacks)
        if (proxies := environment(container)["STOREFRONT_TRUSTED_PROXIES"]) != str(PROXIES)
    ]


def services_deploy_safely(stacks: Stacks) -> list[str]:
    found = []
    for where, service in resources(stacks, "AWS::ECS::Service"):
        how = service["DeploymentConfiguration"]
        network = service["NetworkConfiguration"]["AwsvpcConfiguration"]
        safe = {
            "rolls back by itself": how.get("DeploymentCircuitBreaker") == {"Enable": True, "Rollback": True},
            "keeps the old tasks until the new are ready": how["MinimumHealthyPercent"] == 100,
            "has no public address": network["AssignPublicIp"] == "DISABLED",
            "runs in two zones": len(network["Subnets"]) == 2,
            "leaves the number of tasks to the scaling": "DesiredCount" not in service,
        }
        found += [f"{where}: not so that it {what}" for what, so in safe.items() if not so]
    return found


def services_scale_by_their_work(stacks: Stacks) -> list[str]:
    tracked, stepped = set(), set()
    for where, policy in resources(stacks, "AWS::ApplicationAutoScaling::ScalingPolicy"):
        target = policy["ScalingTargetId"]["Ref"]
        if tracking := policy.get("TargetTrackingScalingPolicyConfiguration"):
            tracked.add((target, tracking["PredefinedMetricSpecification"]["PredefinedMetricType"]))
        else:
            stepped.add((where.split(".")[1], target))
    wanted = {("WebScaling", "ECSServiceAverageCPUUtilization"), ("WebScaling", "ALBRequestCountPerTarget")}
    found = [f"nothing scales {target} by {metric}" for target, metric in sorted(wanted - tracked)]
    for name, target in sorted(stepped):
        by = [
            alarm["MetricName"]
            for _, alarm in resources(stacks, "AWS::CloudWatch::Alarm")
            if {"Ref": name} in alarm["AlarmActions"]
        ]
        if by != ["storefront_oldest_unshipped_seconds"]:
            found.append(f"{target} is scaled by {by}, not by the oldest unshipped order")
    return found if stepped else [*found, "nothing scales the workers"]
