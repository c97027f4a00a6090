"""The image's recipe fits the templates, the locks and the repository."""

from __future__ import annotations

import fnmatch
import importlib
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.deploy import templates

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def pins(lock: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))


def test_the_lock_of_the_image_holds_no_stand_in() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    standins = {re.split(r"[^a-z0-9-]", one)[0] for one in extras["standins"]}
    assert len(standins) >= 2
    assert pins("requirements-prod.lock").keys() & standins == set()


def test_what_runs_in_production_is_what_was_tested() -> None:
    tested, image = pins("requirements-dev.lock"), pins("requirements-prod.lock")
    assert image
    assert image == {name: tested.get(name) for name in image}


def test_every_requirement_of_the_image_has_a_hash() -> None:
    lock = (ROOT / "requirements-prod.lock").read_text()
    assert all("--hash=sha256:" in entry for entry in re.split(r"\n(?=\S)", lock.strip()))
    assert "--require-hashes -r requirements-prod.lock" in DOCKERFILE


def test_the_image_runs_as_the_tasks_say() -> None:
    (_, web), *_ = templates.containers(templates.load())
    assert f"USER {web['User']}:{web['User']}" in DOCKERFILE
    # Fargate makes a volume with the rights of a VOLUME of the image at its place, else it is root's.
    assert f'VOLUME ["{web["MountPoints"][0]["ContainerPath"]}"]' in DOCKERFILE


def test_the_authorities_are_where_the_addresses_of_aurora_look() -> None:
    outputs = templates.load()["data"]["Outputs"]
    for name in ("DatabaseUrl", "DatabaseReaderUrl"):
        place = re.search(r"sslrootcert=([^&]+)", outputs[name]["Value"]["Fn::Sub"])
        assert place
        assert f"global-bundle.pem {place[1]}" in DOCKERFILE


def test_both_stages_are_of_one_python() -> None:
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["${PYTHON}", "${PYTHON}"]


def test_the_builder_sees_what_is_copied_and_little_else() -> None:
    lines = [one for one in (ROOT / ".dockerignore").read_text().splitlines() if one and one[0] != "#"]
    assert lines[0] == "*"
    let_in = [one[1:] for one in lines if one.startswith("!")]
    copied = [
        name
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for name in line.split()[:-1]
    ]
    assert sorted(copied) == sorted(let_in)
    for name in copied:
        # Fetched by `make image`.
        assert (ROOT / name).exists() or name == "deploy/rds/global-bundle.pem"
    for secret in (".env", ".git/config", ".storefront/secrets", "tests/conftest.py"):
        assert not any(fnmatch.fnmatch(secret, f"{name}*") for name in let_in)


def test_what_the_package_reads_beside_itself_is_in_the_image() -> None:
    found = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]
    for name in ("templates", "static", "brand"):
        if (ROOT / name).exists():
            assert f"COPY {name} {name}" in DOCKERFILE.partition("pip wheel")[0]
            assert f"{name}*" in found["include"]


def test_what_the_recipe_calls_of_the_package_is_there() -> None:
    module, name, function = re.search(  # type: ignore[union-attr]  # None fails the test
        r"from (\S+) import (\w+); \w+\.(\w+)\(\)", DOCKERFILE
    ).groups()
    assert callable(getattr(importlib.import_module(f"{module}.{name}"), function))


@pytest.mark.parametrize("builder", ["docker", "podman", "buildah"])
def test_the_image_is_built_by_whichever_is_there(builder: str) -> None:
    done = _make(f"BUILDER={builder}")
    assert f"{builder} build --tag storefront:" in done.stdout


def test_where_no_builder_is_it_says_so_in_one_line() -> None:
    done = _make("BUILDER=", really=True)
    assert done.returncode != 0
    assert (
        done.stderr.splitlines()[0] == "make image needs docker, podman or buildah, and none of them is here"
    )


def _make(*variables: str, really: bool = False) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", "--silent", *([] if really else ["--dry-run"]), "image", *variables],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
