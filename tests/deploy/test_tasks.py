"""The tasks as the application would start in them."""

from __future__ import annotations

from typing import Any

import pytest

from storefront import cli
from storefront.config import Settings
from tests.deploy import tasks, templates
from tests.deploy.templates import Stacks

GIVEN = {
    "DomainName": "shop.example",
    "MailFrom": "orders@shop.example",
    "Shop": "storefront",
    "AWS::Region": "eu-central-1",
}
SECRETS = {
    "STOREFRONT_SECRET_KEY": "k" * 64,
    "STOREFRONT_SECRET_KEY_FALLBACKS": "",
    "STOREFRONT_STRIPE_KEY": "sk_live_of_the_tests",
    "STOREFRONT_STRIPE_WEBHOOK_SECRET": "whsec_of_the_tests",
    "STOREFRONT_CARRIER_WEBHOOK_SECRET": "whsec_dGVzdHMgb2YgdGhlIHNob3AgaGF2ZSBhIHNlY3JldA==",
    "STOREFRONT_METRICS_TOKEN": "t" * 40,
}


def _resolved(stacks: Stacks, stack: str, value: Any) -> str:
    """A value as CloudFormation would hand it to a task, with made-up names of what other stacks made."""
    if isinstance(value, str | int | float):
        return str(value)
    if "Ref" in value:
        name = value["Ref"]
        return str(GIVEN.get(name, stacks[stack]["Parameters"].get(name, {}).get("Default")))
    if "Fn::Sub" in value:
        text = value["Fn::Sub"]
        for name, given in GIVEN.items():
            text = text.replace(f"${{{name}}}", given)
        return str(text)
    name = value["Fn::ImportValue"]["Fn::Sub"].removeprefix("${Shop}-")
    if name in ("DatabaseUrl", "DatabaseReaderUrl"):
        text = stacks["data"]["Outputs"][name]["Value"]["Fn::Sub"]
        return str(text.replace("${DatabaseUser}", "storefront").replace("${Database.", "").replace("}", ""))
    return f"made-by-another-stack-{name.lower()}"


@pytest.mark.parametrize("where", ["jobs.MigrateTask", "jobs.AuditTask", "app.WebTask", "app.WorkerTask"])
def test_the_application_accepts_the_settings_of_a_task(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stacks = templates.load()
    container = templates.the(stacks, where)["ContainerDefinitions"][0]
    environment = tasks.environment(container)
    for name, value in environment.items():
        monkeypatch.setenv(name, _resolved(stacks, where.split(".", maxsplit=1)[0], value))
    # One of the two ways to sign in; the template's condition decides which.
    monkeypatch.delenv("STOREFRONT_DATABASE_IAM")
    for one in container["Secrets"]:
        monkeypatch.setenv(one["Name"], SECRETS[one["Name"]])
    settings = Settings()
    assert settings.production
    assert settings.aws_region == "eu-central-1"
    assert settings.dynamodb_prefix == "storefront-"
    assert settings.base_url == "https://shop.example"
    assert settings.trusted_proxies == tasks.PROXIES
    assert settings.sqlalchemy_url.startswith(
        "postgresql+psycopg://storefront@Endpoint.Address:5432/storefront?"
    )


@pytest.mark.parametrize(
    "where", [f"{where}:{container['Name']}" for where, container in tasks.containers(templates.load())]
)
def test_a_task_s_command_is_one_of_the_shop_s(where: str, capsys: pytest.CaptureFixture[str]) -> None:
    task = templates.the(templates.load(), where.split(":", maxsplit=1)[0])
    program, command, *options = task["ContainerDefinitions"][0]["Command"]
    assert program == "storefront"
    with pytest.raises(SystemExit) as ended:
        cli.main([command, "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert all(option in told for option in options)
