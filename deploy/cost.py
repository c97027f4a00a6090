"""What a shop costs a month, from the prices and assumptions of cost.toml: ``python deploy/cost.py``."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

ASSUMED = Path(__file__).with_name("cost.toml")


def costs(shop: dict[str, Any], assumed: dict[str, Any]) -> dict[str, float]:
    """US dollars a month, by what they are paid for."""
    price, standing, order, hours = (assumed[key] for key in ("price", "standing", "order", "hours"))
    orders = shop["orders_a_minute"] * 60 * hours
    requests = orders * shop["pages_an_order"] * shop["objects_a_page"]
    to_shop = requests * (1 - shop["cached"])

    def fargate(kind: str) -> float:
        hourly = (
            shop[f"{kind}_vcpu"] * price["fargate_vcpu_hour"] + shop[f"{kind}_gb"] * price["fargate_gb_hour"]
        )
        return float(shop[f"{kind}_tasks"] * hourly * hours)

    gb_out = requests * shop["kb_an_object"] / 1e6
    # A capacity unit of the balancer is 25 new connections, or 1 GB an hour; bytes are what is used up first.
    units = max(1.0, to_shop * shop["kb_an_object"] / 1e6 / hours)
    dynamodb_gb = orders * order["dynamodb_kb_kept"] / 1e6
    return {
        "web and worker tasks": fargate("web") + fargate("worker"),
        "Aurora": shop["acus"] * price["aurora_acu_hour"] * hours
        + shop["aurora_gb"] * price["aurora_gb_month"]
        + orders * order["aurora_io"] / 1e6 * price["aurora_million_io"],
        "DynamoDB": orders * order["dynamodb_writes"] / 1e6 * price["dynamodb_million_writes"]
        + orders * order["dynamodb_reads"] / 1e6 * price["dynamodb_million_reads"]
        + dynamodb_gb * (price["dynamodb_gb_month"] + price["dynamodb_pitr_gb_month"]),
        "NAT gateways": (
            standing["nat_gateways"] * price["nat_hour"] + standing["public_ips"] * price["public_ip_hour"]
        )
        * hours
        + orders * order["nat_kb"] / 1e6 * price["nat_gb"],
        "balancer": (price["alb_hour"] + units * price["alb_lcu_hour"]) * hours,
        "CloudFront": gb_out * price["cloudfront_gb"]
        + requests / 1e4 * price["cloudfront_10k_requests"]
        + requests / 1e6 * price["cloudfront_million_functions"],
        "firewall": price["waf_month"]
        + standing["waf_rules"] * price["waf_rule_month"]
        + requests / 1e6 * price["waf_million_requests"],
        "logs, metrics, alarms": orders * order["log_kb"] / 1e6 * price["logs_gb"]
        + standing["alarms"] * price["alarm_month"]
        + standing["metrics"] * price["metric_month"],
        "keys, secrets, mail, pictures": standing["kms_keys"] * price["kms_key_month"]
        + standing["secrets"] * price["secret_month"]
        + orders * order["mails"] / 1000 * price["ses_1000"]
        + shop["media_gb"] * price["s3_gb_month"],
    }


def table(assumed: dict[str, Any]) -> str:
    """Markdown, a column a shop."""
    shops = {shop["name"]: costs(shop, assumed) for shop in assumed["shop"]}
    lines = [f"| US dollars a month | {' | '.join(shops)} |", f"| --- |{' ---: |' * len(shops)}"]
    for what in next(iter(shops.values())):
        lines.append(f"| {what} | {' | '.join(f'{cost[what]:,.0f}' for cost in shops.values())} |")
    lines.append(f"| **sum** | {' | '.join(f'**{sum(cost.values()):,.0f}**' for cost in shops.values())} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(tomllib.loads(ASSUMED.read_text())))
