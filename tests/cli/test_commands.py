"""The commands as a whole: what they are called, how they are refused, where they find their stores."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from storefront.cli import commands
from tests.cli.conftest import Operator

NAMES = [
    "serve",
    "migrate",
    "catalog",
    "brand",
    "stock",
    "orders",
    "ship",
    "track",
    "cancel",
    "refund",
    "attention",
    "worker",
    "audit",
]


def storefront(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "storefront", *words],
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_every_command_of_the_contract_is_there_with_a_module_of_its_name() -> None:
    assert [command.name for command in commands.ALL] == NAMES
    for command in commands.ALL:
        assert callable(importlib.import_module(f"storefront.cli.{command.name}").add_parser)


def test_help_names_all_and_loads_neither_database_nor_web() -> None:
    script = (
        "import sys; from storefront.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'sqlalchemy', 'flask', 'boto3', 'stripe', 'psycopg', 'moto'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    listed = [
        line.split()[0] for line in done.stdout.splitlines() if line.startswith("    ") and line.strip()
    ]
    assert set(NAMES) <= set(listed)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["nonsense"],
        ["orders"],
        ["stock", "set", "pan"],
        ["stock", "set", "pan", "1_0"],
        ["stock", "set", "pan", "-1"],
        ["stock", "set", "pan", " 7"],
        ["stock", "set", "pan", "٣"],
        ["stock", "receive", "pan", "99999999999"],
        ["ship", "not an order"],
        ["track", "7K3M-Q9TX", "preparing"],
        ["audit", "--days", "0"],
    ],
)
def test_misuse_is_told_apart_from_refusal(operator: Operator, words: list[str]) -> None:
    typed = operator(*words)
    assert (typed.status, typed.out) == (2, "")
    assert typed.err.startswith("usage: ")


@pytest.mark.parametrize("command", ["ship", "cancel", "refund"])
@pytest.mark.parametrize("key", ["7K3M-Q9TX", "8a0f3a3e-1f6b-4f3c-9a55-3f6f9a1c2b7d"])
def test_an_order_that_is_not_there_is_a_refusal(operator: Operator, command: str, key: str) -> None:
    typed = operator(command, key)
    assert (typed.status, typed.out, typed.err) == (1, "", f"storefront: There is no order {key}\n")


def test_a_wrong_setting_is_named(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOREFRONT_CURRENCY", "JPY")
    typed = operator("orders", "list")
    assert typed.status == 2
    assert "setting currency" in typed.err


def test_production_takes_its_stores_from_the_environment_alone(tmp_path: Path) -> None:
    done = storefront(
        "orders",
        "list",
        STOREFRONT_ENV="production",
        STOREFRONT_DATA=str(tmp_path / "data"),
        STOREFRONT_DATABASE_URL="",
    )
    assert done.returncode == 2
    assert "STOREFRONT_DATABASE_URL is missing" in done.stderr
    assert not (tmp_path / "data").exists()


def test_a_command_starts_stores_for_itself_where_no_shop_runs(tmp_path: Path) -> None:
    """And finds there again what another one left."""
    given = {name: "" for name in os.environ if name.startswith(("STOREFRONT_", "AWS_ENDPOINT"))}
    given["STOREFRONT_DATA"] = str(tmp_path)
    file = tmp_path / "shop.csv"
    file.write_text("sku,name,price_cents,quantity\npan,Pan,1200,5\n")
    brought = storefront("catalog", "import", str(file), **given)
    assert brought.returncode == 0, brought.stderr
    received = storefront("stock", "receive", "pan", "3", **given)
    assert received.stdout == "Received 3. pan: 8 on hand, 0 reserved, 8 available\n", received.stderr
    shown = storefront("stock", "show", "pan", "--json", **given)
    assert json.loads(shown.stdout) == {"sku": "pan", "quantity": 8, "reserved": 0}


def test_output_that_nobody_reads_to_its_end_is_no_failure_to_speak_of(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    script = "import sys; from storefront.cli import main; sys.exit(main(['stock', '--help']))"
    with os.fdopen(writer, "wb") as out:
        done = subprocess.run(
            [sys.executable, "-c", script], stdout=out, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert "Traceback" not in done.stderr


def test_help_comes_at_once() -> None:
    def once() -> float:
        before = os.times().children_user
        subprocess.run([sys.executable, "-m", "storefront", "--help"], capture_output=True, check=True)
        return os.times().children_user - before

    # Seconds of work, since the clock on the wall also counts what others do meanwhile.
    assert min(once() for _ in range(3)) < 0.4
