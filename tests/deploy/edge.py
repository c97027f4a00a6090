"""Whether CloudFront keeps only what everybody may see, and lets through only what is for outside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.deploy.templates import Stacks, resources, the

CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"
"""AWS's own policies, the same in every account."""

PAGES = {"/", "/products", "/products/*"}
FILES = {"/static/*", "/media/*"}
NOT_FOR_OUTSIDE = {"/metrics", "/readyz", "/healthz"}
ERRORS = {400, 403, 404, 405, 414, 500, 501, 502, 503, 504}
MOST_NAMES = 10
"""Headers, cookies or query strings that a policy may list."""


def _config(stacks: Stacks) -> dict[str, Any]:
    found: dict[str, Any] = the(stacks, "edge.Distribution")["DistributionConfig"]
    return found


def _behaviours(stacks: Stacks) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "*", _config(stacks)["DefaultCacheBehavior"]
    for one in _config(stacks)["CacheBehaviors"]:
        yield one["PathPattern"], one


def _cache_policies(stacks: Stacks) -> Iterator[tuple[str, dict[str, Any]]]:
    for where, policy in resources(stacks, "AWS::CloudFront::CachePolicy"):
        yield where, policy["CachePolicyConfig"]


def times_are_in_order(stacks: Stacks) -> list[str]:
    found = []
    for where, policy in _cache_policies(stacks):
        if not policy["MinTTL"] <= policy["DefaultTTL"] <= policy["MaxTTL"]:
            found.append(f"{where}: MinTTL, DefaultTTL and MaxTTL are not in order")
        if policy["MinTTL"] != 0:
            found.append(f"{where} keeps what forbids to be kept")
    return found


def pages_are_kept_by_what_they_differ_in(stacks: Stacks) -> list[str]:
    policy = the(stacks, "edge.PublicPages")["CachePolicyConfig"]
    key = policy["ParametersInCacheKeyAndForwardedToOrigin"]
    wanted = {
        "CookiesConfig": {"CookieBehavior": "none"},
        "HeadersConfig": {"HeaderBehavior": "whitelist", "Headers": ["HX-Request", "HX-Request-Type"]},
        "QueryStringsConfig": {"QueryStringBehavior": "all"},
        "EnableAcceptEncodingBrotli": True,
        "EnableAcceptEncodingGzip": True,
    }
    found = [
        f"the pages' key has {name} {key.get(name)}"
        for name, value in wanted.items()
        if key.get(name) != value
    ]
    # A page that says nothing of caching is somebody's own.
    return found if policy["DefaultTTL"] == 0 else [*found, "pages that say nothing are kept"]


def lists_are_short_enough(stacks: Stacks) -> list[str]:
    policies = [
        (where, one["ParametersInCacheKeyAndForwardedToOrigin"]) for where, one in _cache_policies(stacks)
    ]
    policies += [
        (where, one["OriginRequestPolicyConfig"])
        for where, one in resources(stacks, "AWS::CloudFront::OriginRequestPolicy")
    ]
    found = []
    for where, policy in policies:
        for part, names in (
            ("HeadersConfig", "Headers"),
            ("CookiesConfig", "Cookies"),
            ("QueryStringsConfig", "QueryStrings"),
        ):
            listed = policy[part].get(names, [])
            if len(listed) > MOST_NAMES:
                found.append(f"{where} lists {len(listed)} {names}; CloudFront takes {MOST_NAMES}")
            found += [f"{where} lists {name}; names are exact" for name in listed if "*" in name]
    return found


def only_public_paths_are_kept(stacks: Stacks) -> list[str]:
    found = []
    for path, one in _behaviours(stacks):
        policy = one["CachePolicyId"]
        wanted = (
            {"Ref": "PublicPages"}
            if path in PAGES
            else {"Ref": "Files"}
            if path in FILES
            else CACHING_DISABLED
        )
        if policy != wanted:
            found.append(f"{path} is cached by {policy}")
        if path in PAGES and one["OriginRequestPolicyId"] != {"Ref": "PublicRequests"}:
            found.append(f"{path} sends more to the shop than it is kept by")
    missing = (PAGES | FILES) - {path for path, _ in _behaviours(stacks)}
    requests = the(stacks, "edge.PublicRequests")["OriginRequestPolicyConfig"]
    if requests["CookiesConfig"] != {"CookieBehavior": "none"}:
        found.append("public pages are asked for with cookies")
    return [*found, *(f"{path} is not cached" for path in sorted(missing))]


def errors_are_never_kept(stacks: Stacks) -> list[str]:
    kept = {
        one["ErrorCode"]: one.get("ErrorCachingMinTTL") for one in _config(stacks)["CustomErrorResponses"]
    }
    return [f"{code} is kept for {kept.get(code, 10)} s" for code in sorted(ERRORS) if kept.get(code) != 0]


def forms_get_through(stacks: Stacks) -> list[str]:
    default = _config(stacks)["DefaultCacheBehavior"]
    found = []
    if "POST" not in default["AllowedMethods"]:
        found.append("nothing can be posted")
    if default.get("OriginRequestPolicyId") != ALL_VIEWER:
        found.append("cookies and forms don't reach the shop")
    return found


def the_viewer_function_sees_every_request(stacks: Stacks) -> list[str]:
    wanted = [{"EventType": "viewer-request", "FunctionARN": {"Fn::GetAtt": ["Viewer", "FunctionARN"]}}]
    return [
        f"{path} passes by the viewer function"
        for path, one in _behaviours(stacks)
        if one.get("FunctionAssociations") != wanted
    ]


def the_balancer_s_certificate_fits(stacks: Stacks) -> list[str]:
    """It is for the shop's name, so CloudFront must ask for that: by Host, on every path to the balancer."""
    hosted: list[object] = [ALL_VIEWER]
    for where, policy in resources(stacks, "AWS::CloudFront::OriginRequestPolicy"):
        if "Host" in policy["OriginRequestPolicyConfig"]["HeadersConfig"].get("Headers", []):
            hosted.append({"Ref": where.split(".")[1]})
    return [
        f"{path} asks the balancer without the shop's name"
        for path, one in _behaviours(stacks)
        if one["TargetOriginId"] == "shop" and one.get("OriginRequestPolicyId") not in hosted
    ]


def every_hop_is_encrypted(stacks: Stacks) -> list[str]:
    found = [
        f"{path} is answered without TLS"
        for path, one in _behaviours(stacks)
        if one["ViewerProtocolPolicy"] != "redirect-to-https"
    ]
    if not _config(stacks)["ViewerCertificate"]["MinimumProtocolVersion"].startswith("TLSv1.2_"):
        found.append("visitors may use old TLS")
    if the(stacks, "edge.Balancer")["VpcOriginEndpointConfig"]["OriginProtocolPolicy"] != "https-only":
        found.append("CloudFront talks to the balancer without TLS")
    found += [
        f"{where} speaks {listener['Protocol']}"
        for where, listener in resources(stacks, "AWS::ElasticLoadBalancingV2::Listener")
        if listener["Protocol"] != "HTTPS"
    ]
    return found


def inner_paths_are_not_served_outside(stacks: Stacks) -> list[str]:
    """By the balancer; the viewer function refuses them too, and has tests of its own."""
    refused = {
        value
        for _, rule in resources(stacks, "AWS::ElasticLoadBalancingV2::ListenerRule")
        if rule["Actions"][0]["Type"] == "fixed-response"
        for condition in rule["Conditions"]
        for value in condition["PathPatternConfig"]["Values"]
    }
    return [f"{path} is served outside" for path in sorted(NOT_FOR_OUTSIDE - refused)]


def the_firewall_slows_floods_and_lets_webhooks_pass(stacks: Stacks) -> list[str]:
    firewall = the(stacks, "edge.Firewall")
    rules = sorted(firewall["Rules"], key=lambda rule: rule["Priority"])
    match = rules[0]["Statement"].get("ByteMatchStatement", {})
    found = []
    if rules[0].get("Action") != {"Allow": {}} or match.get("SearchString") != "/webhooks/":
        found.append("webhooks don't pass first")
    if match.get("PositionalConstraint") != "STARTS_WITH":
        found.append("more than webhooks passes")
    if not any("RateBasedStatement" in rule["Statement"] for rule in rules):
        found.append("nothing slows floods")
    if not any("ManagedRuleGroupStatement" in rule["Statement"] for rule in rules):
        found.append("no managed rules")
    if firewall["Scope"] != "CLOUDFRONT" or _config(stacks).get("WebACLId") != {
        "Fn::GetAtt": ["Firewall", "Arn"]
    }:
        found.append("the firewall stands before nothing")
    return found
