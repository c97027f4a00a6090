"""Errors to plant in a copy of the templates, each beside the check that must catch it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.deploy import alarms, edge, rights, stores, tasks, wiring
from tests.deploy.templates import Stacks, the

Spoil = Callable[[Stacks], Any]
PLANTED: list[tuple[Callable[[Stacks], list[str]], Spoil]] = []


def against(check: Callable[[Stacks], list[str]]) -> Callable[[Spoil], Spoil]:
    def plant(spoil: Spoil) -> Spoil:
        PLANTED.append((check, spoil))
        return spoil

    return plant


def _container(stacks: Stacks, where: str) -> dict[str, Any]:
    found: dict[str, Any] = the(stacks, where)["ContainerDefinitions"][0]
    return found


def _set(container: dict[str, Any], name: str, value: str) -> None:
    for one in container["Environment"]:
        if one.get("Name") == name:
            one["Value"] = value


def _statement(stacks: Stacks, where: str, number: int) -> dict[str, Any]:
    found: dict[str, Any] = the(stacks, where)["Policies"][0]["PolicyDocument"]["Statement"][number]
    return found


def _distribution(stacks: Stacks) -> dict[str, Any]:
    found: dict[str, Any] = the(stacks, "edge.Distribution")["DistributionConfig"]
    return found


# --- wiring


@against(wiring.imports_come_from_an_earlier_stack)
def an_export_is_misspelt(stacks: Stacks) -> None:
    stacks["data"]["Outputs"]["DatabaseUrl"]["Export"]["Name"]["Fn::Sub"] = "${Shop}-DatabaseURL"


@against(wiring.imports_come_from_an_earlier_stack)
def a_stack_imports_from_a_later_one(stacks: Stacks) -> None:
    the(stacks, "network.Vpc")["Tags"] = [
        {"Key": "Logs", "Value": {"Fn::ImportValue": {"Fn::Sub": "${Shop}-Logs"}}}
    ]


@against(wiring.exports_are_imported)
def something_is_exported_to_nobody(stacks: Stacks) -> None:
    stacks["network"]["Outputs"]["Vpc"]["Export"]["Name"]["Fn::Sub"] = "${Shop}-VpcId"


@against(wiring.the_edge_imports_nothing)
def the_edge_imports(stacks: Stacks) -> None:
    _distribution(stacks)["Comment"] = {"Fn::ImportValue": {"Fn::Sub": "${Shop}-MediaBucket"}}


@against(wiring.references_exist)
def a_reference_is_misspelt(stacks: Stacks) -> None:
    the(stacks, "app.Balancer")["Name"] = {"Ref": "Shoop"}


@against(wiring.references_exist)
def a_substitution_is_misspelt(stacks: Stacks) -> None:
    the(stacks, "data.Users")["TableName"] = {"Fn::Sub": "${Shoop}-users"}


@against(wiring.parameters_mean_the_same_everywhere)
def a_default_differs_between_stacks(stacks: Stacks) -> None:
    stacks["app"]["Parameters"]["HoldMinutes"]["Default"] = "20"


@against(wiring.parameters_are_used)
def a_parameter_is_forgotten(stacks: Stacks) -> None:
    stacks["data"]["Parameters"]["Unused"] = {"Type": "String", "Default": ""}


@against(wiring.what_holds_data_is_never_deleted_with_its_stack)
def a_table_goes_with_its_stack(stacks: Stacks) -> None:
    del stacks["data"]["Resources"]["Users"]["DeletionPolicy"]


# --- tasks


@against(tasks.every_setting_that_is_given_exists)
def a_setting_is_misspelt(stacks: Stacks) -> None:
    _container(stacks, "app.WebTask")["Environment"].append({"Name": "STOREFRONT_HOLD_MINUTE", "Value": "15"})


@against(tasks.every_setting_is_given_or_left_out_for_a_reason)
def a_setting_is_not_given(stacks: Stacks) -> None:
    del _container(stacks, "app.WorkerTask")["Secrets"][0]


@against(tasks.all_tasks_have_one_environment_and_one_image)
def the_worker_holds_longer_than_the_web(stacks: Stacks) -> None:
    _set(_container(stacks, "app.WorkerTask"), "STOREFRONT_HOLD_MINUTES", "30")


@against(tasks.secrets_are_no_plain_environment)
def the_stripe_key_stands_in_the_environment(stacks: Stacks) -> None:
    container = _container(stacks, "app.WebTask")
    container["Secrets"] = [one for one in container["Secrets"] if one["Name"] != "STOREFRONT_STRIPE_KEY"]
    container["Environment"].append({"Name": "STOREFRONT_STRIPE_KEY", "Value": "sk_live"})


@against(tasks.tasks_may_do_little)
def a_task_runs_as_root(stacks: Stacks) -> None:
    del _container(stacks, "app.WebTask")["User"]


@against(tasks.tasks_may_do_little)
def a_task_writes_its_root(stacks: Stacks) -> None:
    _container(stacks, "jobs.AuditTask")["ReadonlyRootFilesystem"] = False


@against(tasks.tasks_may_do_little)
def a_task_keeps_its_capabilities(stacks: Stacks) -> None:
    del _container(stacks, "app.WorkerTask")["LinuxParameters"]["Capabilities"]


@against(tasks.tasks_may_do_little)
def a_task_has_no_place_for_temporary_files(stacks: Stacks) -> None:
    the(stacks, "app.WebTask")["Volumes"] = [{"Name": "temp"}]


@against(tasks.tasks_stop_in_time)
def a_task_takes_longer_to_stop_than_fargate_allows(stacks: Stacks) -> None:
    _container(stacks, "jobs.MigrateTask")["StopTimeout"] = 180


@against(tasks.tasks_stop_in_time)
def the_worker_is_cut_off_early(stacks: Stacks) -> None:
    _container(stacks, "app.WorkerTask")["StopTimeout"] = 30


@against(tasks.the_balancer_knows_its_container)
def the_balancer_s_container_is_misspelt(stacks: Stacks) -> None:
    the(stacks, "app.WebService")["LoadBalancers"][0]["ContainerName"] = "app"


@against(tasks.the_balancer_knows_its_container)
def the_balancer_s_port_is_another(stacks: Stacks) -> None:
    the(stacks, "app.WebService")["LoadBalancers"][0]["ContainerPort"] = 8080


@against(tasks.the_balancer_knows_its_container)
def the_target_group_s_port_is_another(stacks: Stacks) -> None:
    the(stacks, "app.WebTargets")["Port"] = 80


@against(tasks.the_balancer_knows_its_container)
def the_shop_listens_on_another_port(stacks: Stacks) -> None:
    _set(_container(stacks, "app.WebTask"), "PORT", "8080")


@against(tasks.health_is_asked_where_it_is_told)
def the_health_path_lacks_its_slash(stacks: Stacks) -> None:
    the(stacks, "app.WebTargets")["HealthCheckPath"] = "readyz"


@against(tasks.health_is_asked_where_it_is_told)
def an_outage_of_aurora_restarts_every_task(stacks: Stacks) -> None:
    check = _container(stacks, "app.WebTask")["HealthCheck"]
    check["Command"] = [part.replace("/healthz", "/readyz") for part in check["Command"]]


@against(tasks.a_stopping_task_is_left_before_it_ends)
def a_stopped_task_is_still_sent_requests(stacks: Stacks) -> None:
    the(stacks, "app.WebTargets")["TargetGroupAttributes"][0]["Value"] = "300"


@against(tasks.whoever_sends_lets_go_first)
def the_shop_closes_before_the_balancer(stacks: Stacks) -> None:
    _set(_container(stacks, "app.WebTask"), "STOREFRONT_KEEP_ALIVE_SECONDS", "60")


@against(tasks.whoever_sends_lets_go_first)
def the_balancer_closes_before_cloudfront(stacks: Stacks) -> None:
    _distribution(stacks)["Origins"][0]["VpcOriginConfig"]["OriginKeepaliveTimeout"] = 60


@against(tasks.every_proxy_is_counted)
def a_proxy_is_forgotten(stacks: Stacks) -> None:
    _set(_container(stacks, "app.WebTask"), "STOREFRONT_TRUSTED_PROXIES", "1")


@against(tasks.services_deploy_safely)
def a_bad_image_stays(stacks: Stacks) -> None:
    del the(stacks, "app.WorkerService")["DeploymentConfiguration"]["DeploymentCircuitBreaker"]


@against(tasks.services_deploy_safely)
def an_update_undoes_the_scaling(stacks: Stacks) -> None:
    the(stacks, "app.WebService")["DesiredCount"] = 2


@against(tasks.services_scale_by_their_work)
def the_worker_scales_by_mail(stacks: Stacks) -> None:
    the(stacks, "app.WorkerBehindAlarm")["MetricName"] = "storefront_oldest_unmailed_seconds"


@against(tasks.services_scale_by_their_work)
def the_web_does_not_scale_by_requests(stacks: Stacks) -> None:
    del stacks["app"]["Resources"]["WebByRequests"]


# --- rights


@against(rights.roles_may_do_what_is_listed)
def the_web_may_scan(stacks: Stacks) -> None:
    _statement(stacks, "app.WebRole", 1)["Action"].append("dynamodb:Scan")


@against(rights.roles_may_do_what_is_listed)
def the_worker_may_not_mail(stacks: Stacks) -> None:
    del the(stacks, "app.WorkerRole")["Policies"][0]["PolicyDocument"]["Statement"][2]


@against(rights.stars_have_a_reason)
def the_web_may_do_everything_with_tables(stacks: Stacks) -> None:
    _statement(stacks, "app.WebRole", 1)["Action"] = "dynamodb:*"


@against(rights.stars_have_a_reason)
def the_worker_may_mail_for_every_sender(stacks: Stacks) -> None:
    _statement(stacks, "app.WorkerRole", 2)["Resource"] = "*"


@against(rights.stars_have_a_reason)
def everybody_may_use_the_key(stacks: Stacks) -> None:
    del the(stacks, "data.Key")["KeyPolicy"]["Statement"][1]["Condition"]


@against(rights.roles_are_taken_on_in_this_account_only)
def another_account_s_schedule_takes_on_the_role(stacks: Stacks) -> None:
    del the(stacks, "jobs.ScheduleRole")["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]


# --- stores


@against(stores.the_tables_have_their_keys)
def the_sort_key_has_another_name(stacks: Stacks) -> None:
    table = the(stacks, "data.Users")
    table["KeySchema"][1]["AttributeName"] = table["AttributeDefinitions"][1]["AttributeName"] = "sk"


@against(stores.the_tables_have_their_keys)
def counters_never_expire(stacks: Stacks) -> None:
    del the(stacks, "data.Users")["TimeToLiveSpecification"]


@against(stores.tables_are_hard_to_lose)
def a_table_can_t_be_restored(stacks: Stacks) -> None:
    del the(stacks, "data.Deliveries")["PointInTimeRecoverySpecification"]


@against(stores.tables_are_hard_to_lose)
def a_table_can_be_deleted(stacks: Stacks) -> None:
    the(stacks, "data.Users")["DeletionProtectionEnabled"] = False


@against(stores.aurora_is_hard_to_lose)
def there_is_no_reader(stacks: Stacks) -> None:
    del stacks["data"]["Resources"]["DatabaseB"]


@against(stores.aurora_is_hard_to_lose)
def the_password_stands_in_the_template(stacks: Stacks) -> None:
    cluster = the(stacks, "data.Database")
    del cluster["ManageMasterUserPassword"]
    cluster["MasterUserPassword"] = "of-everybody"


@against(stores.aurora_is_hard_to_lose)
def the_version_leaves_its_family(stacks: Stacks) -> None:
    stacks["data"]["Parameters"]["EngineVersion"]["Default"] = "17.7"


@against(stores.aurora_speaks_tls_and_tasks_check_whom_to)
def aurora_speaks_without_tls(stacks: Stacks) -> None:
    del the(stacks, "data.DatabaseSettings")["Parameters"]["rds.force_ssl"]


@against(stores.aurora_speaks_tls_and_tasks_check_whom_to)
def anybody_may_pass_for_aurora(stacks: Stacks) -> None:
    url = stacks["data"]["Outputs"]["DatabaseReaderUrl"]["Value"]
    url["Fn::Sub"] = url["Fn::Sub"].replace("verify-full", "require")


@against(stores.aurora_speaks_tls_and_tasks_check_whom_to)
def writes_go_to_the_old_writer(stacks: Stacks) -> None:
    url = stacks["data"]["Outputs"]["DatabaseUrl"]["Value"]
    url["Fn::Sub"] = url["Fn::Sub"].replace("&target_session_attrs=read-write", "")


@against(stores.secrets_are_encrypted_and_nowhere_in_the_template)
def a_secret_stands_in_the_template(stacks: Stacks) -> None:
    the(stacks, "data.StripeSecret")["SecretString"] = "sk_live"


@against(stores.the_bucket_is_read_through_cloudfront_alone)
def the_bucket_may_become_public(stacks: Stacks) -> None:
    the(stacks, "data.Media")["PublicAccessBlockConfiguration"]["BlockPublicPolicy"] = False


@against(stores.the_bucket_is_read_through_cloudfront_alone)
def any_account_s_distribution_reads_the_bucket(stacks: Stacks) -> None:
    del the(stacks, "data.MediaPolicy")["PolicyDocument"]["Statement"][0]["Condition"]


@against(stores.nothing_is_reached_from_the_internet)
def the_database_is_open(stacks: Stacks) -> None:
    rule = the(stacks, "network.WebToDatabaseIn")
    del rule["SourceSecurityGroupId"]
    rule["CidrIp"] = "0.0.0.0/0"


@against(stores.nothing_is_reached_from_the_internet)
def the_balancer_faces_the_internet(stacks: Stacks) -> None:
    the(stacks, "app.Balancer")["Scheme"] = "internet-facing"


@against(stores.each_zone_stands_by_itself)
def both_zones_share_a_way_out(stacks: Stacks) -> None:
    the(stacks, "network.PrivateOutB")["NatGatewayId"]["Ref"] = "NatA"


@against(stores.each_zone_stands_by_itself)
def everything_is_in_one_zone(stacks: Stacks) -> None:
    the(stacks, "network.DataB")["AvailabilityZone"]["Fn::Select"][0] = 0


# --- alarms


@against(alarms.alarms_watch_metrics_that_exist)
def an_alarm_s_metric_is_misspelt(stacks: Stacks) -> None:
    the(stacks, "app.HeartbeatAlarm")["MetricName"] = "storefront_worker_heartbeat"


@against(alarms.alarms_watch_metrics_that_exist)
def an_alarm_lacks_a_dimension(stacks: Stacks) -> None:
    del the(stacks, "app.LatencyAlarm")["Dimensions"][1]


@against(alarms.every_figure_of_the_shop_is_watched)
def nobody_is_told_of_attention(stacks: Stacks) -> None:
    del stacks["app"]["Resources"]["AttentionAlarm"]


@against(alarms.listed_metrics_are_used)
def a_listed_metric_is_read_by_nobody(stacks: Stacks) -> None:
    del stacks["data"]["Resources"]["CapacityAlarm"]


@against(alarms.somebody_hears_every_alarm)
def an_alarm_tells_nobody(stacks: Stacks) -> None:
    the(stacks, "app.RefundsAlarm")["AlarmActions"] = []


@against(alarms.silence_rings_where_it_is_the_fault)
def a_dead_worker_is_no_alarm(stacks: Stacks) -> None:
    the(stacks, "app.HeartbeatAlarm")["TreatMissingData"] = "notBreaching"


@against(alarms.silence_rings_where_it_is_the_fault)
def an_audit_that_never_ran_is_no_alarm(stacks: Stacks) -> None:
    the(stacks, "jobs.AuditMissingAlarm")["TreatMissingData"] = "missing"


@against(alarms.mail_that_comes_back_is_told)
def the_sender_has_no_configuration_set(stacks: Stacks) -> None:
    del the(stacks, "bootstrap.MailIdentity")["ConfigurationSetAttributes"]


@against(alarms.mail_that_comes_back_is_told)
def complaints_are_told_to_nobody(stacks: Stacks) -> None:
    the(stacks, "bootstrap.MailReturns")["EventDestination"]["MatchingEventTypes"] = ["BOUNCE"]


@against(alarms.the_audit_runs_every_night_and_its_end_is_seen)
def the_audit_runs_under_another_name(stacks: Stacks) -> None:
    the(stacks, "jobs.AuditSchedule")["Target"]["EcsParameters"]["Group"] = "audit"


# --- edge


@against(edge.times_are_in_order)
def the_least_time_is_over_the_most(stacks: Stacks) -> None:
    the(stacks, "edge.Files")["CachePolicyConfig"]["MaxTTL"] = 60


@against(edge.times_are_in_order)
def what_forbids_it_is_kept(stacks: Stacks) -> None:
    the(stacks, "edge.PublicPages")["CachePolicyConfig"].update(MinTTL=1, DefaultTTL=1)


@against(edge.pages_are_kept_by_what_they_differ_in)
def a_part_is_served_as_a_page(stacks: Stacks) -> None:
    key = the(stacks, "edge.PublicPages")["CachePolicyConfig"]["ParametersInCacheKeyAndForwardedToOrigin"]
    key["HeadersConfig"] = {"HeaderBehavior": "none"}


@against(edge.pages_are_kept_by_what_they_differ_in)
def pages_that_say_nothing_are_kept(stacks: Stacks) -> None:
    the(stacks, "edge.PublicPages")["CachePolicyConfig"]["DefaultTTL"] = 60


@against(edge.lists_are_short_enough)
def a_policy_lists_too_many_names(stacks: Stacks) -> None:
    key = the(stacks, "edge.PublicPages")["CachePolicyConfig"]["ParametersInCacheKeyAndForwardedToOrigin"]
    names = [f"a.{number}" for number in range(11)]
    key["QueryStringsConfig"] = {"QueryStringBehavior": "whitelist", "QueryStrings": names}


@against(edge.only_public_paths_are_kept)
def somebody_s_orders_are_kept(stacks: Stacks) -> None:
    _distribution(stacks)["CacheBehaviors"][1]["PathPattern"] = "/orders"


@against(edge.only_public_paths_are_kept)
def everything_is_kept(stacks: Stacks) -> None:
    _distribution(stacks)["DefaultCacheBehavior"]["CachePolicyId"] = {"Ref": "Files"}


@against(edge.errors_are_never_kept)
def a_stranger_s_404_is_served_to_the_owner(stacks: Stacks) -> None:
    errors = _distribution(stacks)["CustomErrorResponses"]
    errors[:] = [one for one in errors if one["ErrorCode"] != 404]


@against(edge.errors_are_never_kept)
def an_outage_lasts_longer_than_it_does(stacks: Stacks) -> None:
    _distribution(stacks)["CustomErrorResponses"][8]["ErrorCachingMinTTL"] = 10


@against(edge.forms_get_through)
def nothing_can_be_posted(stacks: Stacks) -> None:
    _distribution(stacks)["DefaultCacheBehavior"]["AllowedMethods"] = ["GET", "HEAD"]


@against(edge.the_viewer_function_sees_every_request)
def a_path_passes_by_the_viewer_function(stacks: Stacks) -> None:
    del _distribution(stacks)["CacheBehaviors"][0]["FunctionAssociations"]


@against(edge.the_balancer_s_certificate_fits)
def the_balancer_is_asked_without_host(stacks: Stacks) -> None:
    the(stacks, "edge.PublicRequests")["OriginRequestPolicyConfig"]["HeadersConfig"] = {
        "HeaderBehavior": "none"
    }


@against(edge.every_hop_is_encrypted)
def the_last_hop_is_plain(stacks: Stacks) -> None:
    the(stacks, "edge.Balancer")["VpcOriginEndpointConfig"]["OriginProtocolPolicy"] = "http-only"


@against(edge.inner_paths_are_not_served_outside)
def figures_are_served_outside(stacks: Stacks) -> None:
    the(stacks, "app.NotForOutside")["Conditions"][0]["PathPatternConfig"]["Values"].remove("/metrics")


@against(edge.the_firewall_slows_floods_and_lets_webhooks_pass)
def the_firewall_stops_webhooks(stacks: Stacks) -> None:
    the(stacks, "edge.Firewall")["Rules"][0]["Priority"] = 9


@against(edge.the_firewall_slows_floods_and_lets_webhooks_pass)
def nothing_slows_floods(stacks: Stacks) -> None:
    rules = the(stacks, "edge.Firewall")["Rules"]
    rules[:] = [rule for rule in rules if rule["Name"] != "rate"]
