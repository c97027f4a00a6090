"""Whether alarms watch what exists, and somebody hears them."""

from __future__ import annotations

from tests.deploy.templates import Stacks, metrics, resources

SILENCE_RINGS = {
    "storefront_worker_heartbeat_seconds": "a worker that is gone reports nothing",
    "HealthyHostCount": "no group without tasks is well",
}
"""Metrics whose absence is the fault itself."""

TOPIC = {"Fn::ImportValue": {"Fn::Sub": "${Shop}-AlarmsTopic"}}

WATCHED = {
    "HTTPCode_Target_5XX_Count",
    "HTTPCode_ELB_5XX_Count",
    "TargetResponseTime",
    "AuroraReplicaLag",
    "ReadThrottleEvents",
    "WriteThrottleEvents",
    "TriggeredRules",
}
"""Of AWS's; of our own, all."""


def alarms_watch_metrics_that_exist(stacks: Stacks) -> list[str]:
    known = metrics()
    # Ours are also written without their dimension, and alarms read that: they can't add up over one.
    ours: dict[str, list[str]] = {name: [] for name in known["storefront"]}
    spaces = {known["namespace"]: ours} | known["aws"]
    found = []
    for where, alarm in resources(stacks, "AWS::CloudWatch::Alarm"):
        names = spaces.get(alarm["Namespace"], {})
        if alarm["MetricName"] not in names:
            found.append(f"{where} watches {alarm['Namespace']} {alarm['MetricName']}, which isn't listed")
        elif sorted(one["Name"] for one in alarm.get("Dimensions", [])) != sorted(names[alarm["MetricName"]]):
            found.append(f"{where} has other dimensions than {alarm['MetricName']}")
    return found


def every_figure_of_the_shop_is_watched(stacks: Stacks) -> list[str]:
    watched = {
        alarm["MetricName"]
        for _, alarm in resources(stacks, "AWS::CloudWatch::Alarm")
        if TOPIC in alarm["AlarmActions"]
    }
    return [
        f"nobody is told of {name}" for name in sorted((set(metrics()["storefront"]) | WATCHED) - watched)
    ]


def listed_metrics_are_used(stacks: Stacks) -> list[str]:
    used = {
        (alarm["Namespace"], alarm["MetricName"]) for _, alarm in resources(stacks, "AWS::CloudWatch::Alarm")
    }
    return [
        f"metrics.toml lists {space} {name}, which no alarm reads"
        for space, names in metrics()["aws"].items()
        for name in names
        if (space, name) not in used
    ]


def somebody_hears_every_alarm(stacks: Stacks) -> list[str]:
    """The topic, or a policy that scales."""
    policies = {
        where.split(".")[1] for where, _ in resources(stacks, "AWS::ApplicationAutoScaling::ScalingPolicy")
    }
    found = []
    for where, alarm in resources(stacks, "AWS::CloudWatch::Alarm"):
        actions = alarm.get("AlarmActions", [])
        if not actions or any(one != TOPIC and one.get("Ref") not in policies for one in actions):
            found.append(f"{where} is heard by nobody")
        if TOPIC in actions and alarm.get("OKActions") != [TOPIC]:
            found.append(f"{where} never says that it is over")
        if not alarm.get("AlarmDescription"):
            found.append(f"{where} doesn't say what it means")
    return found


def silence_rings_where_it_is_the_fault(stacks: Stacks) -> list[str]:
    found = []
    for where, alarm in resources(stacks, "AWS::CloudWatch::Alarm"):
        # "Fewer than" is never true of what isn't there, so such an alarm for a person must ring for silence.
        below = alarm["ComparisonOperator"].startswith("LessThan") and TOPIC in alarm["AlarmActions"]
        wanted = "breaching" if alarm["MetricName"] in SILENCE_RINGS or below else "notBreaching"
        if alarm.get("TreatMissingData") != wanted:
            found.append(f"{where} takes missing data as {alarm.get('TreatMissingData')}")
    return found


def the_audit_runs_every_night_and_its_end_is_seen(stacks: Stacks) -> list[str]:
    (where, schedule), *_ = resources(stacks, "AWS::Scheduler::Schedule")
    group = schedule["Target"]["EcsParameters"]["Group"]
    rules = {name: rule["EventPattern"]["detail"] for name, rule in resources(stacks, "AWS::Events::Rule")}
    found = [
        f"{name} listens to another group than {where} starts"
        for name, one in rules.items()
        if one["group"] != [group]
    ]
    codes = {name: one["containers"]["exitCode"] for name, one in rules.items()}
    if codes != {"jobs.AuditFailed": [{"anything-but": 0}], "jobs.AuditPassed": [0]}:
        found.append(f"the audit's exit status is read as {codes}")
    watched = {
        alarm["Dimensions"][0]["Value"]["Ref"]
        for _, alarm in resources(stacks, "AWS::CloudWatch::Alarm")
        if alarm["MetricName"] == "TriggeredRules"
    }
    return [*found, *(f"nobody hears {name}" for name in rules if name.split(".")[1] not in watched)]


def mail_that_comes_back_is_told(stacks: Stacks) -> list[str]:
    """By the sender's own configuration set: the shop names none when it sends."""
    told = {
        destination["ConfigurationSetName"]["Ref"]: destination["EventDestination"]
        for _, destination in resources(stacks, "AWS::SES::ConfigurationSetEventDestination")
    }
    found = []
    for where, identity in resources(stacks, "AWS::SES::EmailIdentity"):
        named = identity.get("ConfigurationSetAttributes", {}).get("ConfigurationSetName", {}).get("Ref")
        destination = told.get(named, {})
        if not destination.get("Enabled") or not {"BOUNCE", "COMPLAINT"} <= set(
            destination.get("MatchingEventTypes", [])
        ):
            found.append(f"nobody hears of the bounces and complaints about mail of {where}")
        elif destination["SnsDestination"]["TopicARN"] != {"Ref": "Alarms"}:
            found.append(f"{where} tells another topic than the alarms'")
    return found
